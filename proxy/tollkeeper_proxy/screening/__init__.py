"""Known injection phrases: a curated list, and the scan that finds them in a text.

A signature proves that a known phrase is there, nothing more; what it catches and misses on
recorded attacks is measured in ``docs/reference/screening.md``.
"""
