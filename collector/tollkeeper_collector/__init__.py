"""The collector: OTLP comes in, rows land in the analytics store, SQL and exports go out.

A span enters ``receiver``, is journalled, becomes rows, lands in a ``store``; ``sql_endpoint`` and
``exports`` read it back. It never imports the proxy or the dashboard: they meet on the wire.
"""
