"""Numbered steps from an empty store to the newest schema; they only go forward."""
