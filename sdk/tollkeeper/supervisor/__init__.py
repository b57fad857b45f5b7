"""Keeps the components of one data folder running: starts, watches, restarts and stops them.

Which programs these are comes in as a list; nothing here knows what they do.
"""
