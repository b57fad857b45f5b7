"""Python's own logging, led into our log: one line a record, no traceback, no exception unmasked.

For libraries, and for our own modules that have no log handed to them.
"""

import logging

from tollkeeper.logs import Log


class LogBridge(logging.Handler):
    """Writes records into a ``Log``; an exception becomes its type and text."""

    def __init__(self, log: Log) -> None:
        super().__init__(level=logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        fields = {"logger": record.name, "message": record.getMessage()}
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            fields["error"] = f"{type(error).__name__}: {error}"
        if record.levelno >= logging.ERROR:
            self._log.error("logged", **fields)
        else:
            self._log.warning("logged", **fields)


def lead_logging_into(log: Log) -> LogBridge:
    """Make ``log`` the only place where records of Python's logging go."""
    bridge = LogBridge(log)
    logging.basicConfig(handlers=[bridge], level=logging.WARNING, force=True)
    return bridge
