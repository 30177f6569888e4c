"""The memory: a fact is true when its row is committed.

Rule 1: one thread writes, and everything that waits together is committed together.
Rule 2: a call returns when the disk has the row, or raises JournalLost; nothing lies between.
Rule 3: the journal keeps tasks and the exact bytes said about them; it knows no topics.
"""
