"""Which token may come next, and which must.

Rule 1: this room knows JSON Schema; it knows no task, no model and no event loop.
Rule 2: a schema is kept whole or refused with the pointer of the first thing we cannot keep.
Rule 3: sizes are checked before anything is compiled: no schema can stall the node.
"""
