"""The collector: OTLP in, journalled, made rows, stored; SQL and exports out.

A span enters ``receiver``, is decoded by ``otlp``, becomes ``rows``, is journalled and then
acknowledged, and is carried by ``inserter`` into the ``store``; ``sql`` and ``exports`` read there.
"""
