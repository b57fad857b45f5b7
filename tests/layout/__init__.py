"""Tests of the tree itself: shape, imports, texts, and documentation that cannot rot."""
