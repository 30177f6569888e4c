"""Pure law: what may happen to a task, who is next, and what a good plan is.

Rule 1: no I/O, no clock, no thread, no model; callers bring the moment and the event.
Rule 2: every change of a task's state is a row of ``lifecycle.TRANSITIONS``.
"""
