"""The same memory in a PostgreSQL that several nodes share.

Rule 1: one connection of a node writes, so that its events are committed in the order of their ids;
        it lives on the loop, because waiting for a socket needs no thread.
Rule 2: every group of writes first checks the node's lease, so that a node given up for dead writes
        nothing more; a node writes tasks of its own, or the next version of somebody else's.
Rule 3: a commit whose answer was lost is looked up, never guessed.
"""
