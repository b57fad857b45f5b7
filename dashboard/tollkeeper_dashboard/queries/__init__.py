"""The questions the pages ask: SQL with bound parameters, and one frozen type per answer.

No text from a person is ever part of the SQL: values are bound, names come from lists here.
"""
