"""The data plane, in five nouns.

A request becomes an ``Exchange``; each ``Policy`` in the ``Pipeline``'s visible list may answer,
refuse or edit it; an ``Upstream`` forwards it; what became of it is settled in reverse and leaves
as spans.
"""
