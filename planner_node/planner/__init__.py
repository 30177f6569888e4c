"""The hall: the one path of a task, whichever door it came through.

Rule 1: nothing is said that is not committed first, in the same transaction as the change.
Rule 2: a task changes only while its gate is held, so it ends exactly once, whatever races.
Rule 3: no protocol words and no model words: doors, journal and completer come in as Protocols.
"""
