"""Bounds on what one record may hold: attributes in, attributes within the bounds out.

What is cut is counted, never silent. The numbers are those of the schema notes: beyond them a span
is a payload, and one such span must not make a block too big for the store.
"""

from collections import Counter
from typing import Final

from tollkeeper_collector.otlp.signals import Attributes

MAX_ATTRIBUTES: Final = 256
MAX_KEY: Final = 512  # characters
MAX_VALUE: Final = 65_536  # characters
MAX_NAME: Final = 1024  # characters of a span's, event's or scope's name
MAX_EVENTS: Final = 128
MAX_LINKS: Final = 128


def drop_long_keys(attributes: Attributes, cuts: Counter[str]) -> Attributes:
    """Return the attributes whose names are names, before anybody remembers one."""
    if not attributes or max(map(len, attributes)) <= MAX_KEY:
        return attributes
    kept = {key: value for key, value in attributes.items() if len(key) <= MAX_KEY}
    cuts["attributes"] += len(attributes) - len(kept)
    return kept


def clamp(attributes: Attributes, cuts: Counter[str]) -> Attributes:
    """Return at most MAX_ATTRIBUTES attributes of at most MAX_VALUE characters."""
    if len(attributes) > MAX_ATTRIBUTES:
        cuts["attributes"] += len(attributes) - MAX_ATTRIBUTES
        attributes = {key: attributes[key] for key in list(attributes)[:MAX_ATTRIBUTES]}
    if attributes and max(map(len, attributes.values())) > MAX_VALUE:
        cuts["values"] += sum(len(value) > MAX_VALUE for value in attributes.values())
        attributes = {key: value[:MAX_VALUE] for key, value in attributes.items()}
    return attributes


def bounded(attributes: Attributes, cuts: Counter[str]) -> Attributes:
    """Return attributes that hold no content (of resources, scopes, links) within all bounds."""
    return clamp(drop_long_keys(attributes, cuts), cuts)
