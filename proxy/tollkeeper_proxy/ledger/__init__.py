"""Who has spent what: budgets held and settled in whole nano-dollars.

``books`` decides (pure), ``tables`` reads and writes one transaction, ``clerk`` runs them on a
thread of its own and answers the event loop. Nothing here knows a request, a price or a socket.
"""
