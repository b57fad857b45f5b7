"""Pages over the SQL endpoint: what the book says, for people.

``doorway`` lets in, ``queries`` ask through ``client``, ``views`` show. The dashboard reads only:
it has no store of its own and changes nothing.
"""
