"""The journal: nothing is acknowledged before it is here, nothing leaves before it is stored.

Entries are appended in groups, one fdatasync per group, by a thread of its own. They are taken in
batches whose bounds are written down first, so that a restart makes the same batches again.
"""

from tollkeeper_collector.journal.journal import Batch, Journal, JournalLimits
from tollkeeper_collector.journal.lock import JournalLocked
from tollkeeper_collector.journal.records import Entry, Record

__all__ = ["Batch", "Entry", "Journal", "JournalLimits", "JournalLocked", "Record"]
