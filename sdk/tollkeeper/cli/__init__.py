"""The command line: verbs of the installed components under one name.

Arguments go in, one exit status comes out: 0, 2 for a mistake in the use (one line on stderr), 1
for what failed outside.
"""
