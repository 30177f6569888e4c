"""How it is said: intents become one instruction, steps become subtasks.

Rule 1: a sentence says what the plan does, no more; a pattern that cannot is not drawn.
Rule 2: names travel between two private marks until the end, so that no noise touches them.
Rule 3: an instruction may be told in any way (``phrasing``), a subtask in one (``wording``).
"""
