"""Decoded records as rows of the tables: stamped with their tenant, cleaned, cut, and in chunks.

Everything here is pure: records, their sender and a time in; the same rows out, every time.
"""

from tollkeeper_collector.chunks import Chunk
from tollkeeper_collector.rows.arrival import Accepted, Arrival, Rules
from tollkeeper_collector.rows.logs import log_rows
from tollkeeper_collector.rows.spans import span_rows

__all__ = ["Accepted", "Arrival", "Chunk", "Rules", "log_rows", "span_rows"]
