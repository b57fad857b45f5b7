"""Who gets in: the password, the failed attempts, the open sessions, and the door itself.

The door stands in front of everything that is served, pages, files and websockets alike. Only
``doorway`` knows HTTP; the other files are values and clocks.
"""
