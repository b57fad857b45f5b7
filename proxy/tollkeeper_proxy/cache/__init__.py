"""Answers kept for exactly repeated requests: a SQLite file beside the state, on its own thread."""
