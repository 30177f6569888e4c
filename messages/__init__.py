"""The wire contract: what crosses the wire, and on which topic.

Rule 1: this package imports pydantic and nothing of ours, so a robot can use it without torch.
Rule 2: changes are additive; a field or topic is never renamed and never dropped.
Rule 3: every quantity names its unit, every enum value is UPPER_SNAKE, every text is UTF-8.
"""
