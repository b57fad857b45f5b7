"""Message content, kept apart from spans: what of a span is content, whether it may stay, its rows.

Spans live long and are read by many; prompts and answers do neither. They leave the span here,
before anything is written, and go to tables of their own with a short life.
"""

from tollkeeper_collector.content.keeping import ContentMode, keeps
from tollkeeper_collector.content.messages import Message
from tollkeeper_collector.content.rows import Said, content_chunks
from tollkeeper_collector.content.taking import Taken, take, take_from_log

__all__ = [
    "ContentMode",
    "Message",
    "Said",
    "Taken",
    "content_chunks",
    "keeps",
    "take",
    "take_from_log",
]
