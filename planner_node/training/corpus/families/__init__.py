"""What people ask of a robot: each family draws names and returns the intents of one request.

Rule 1: a family is a function of the names alone, and is weighed in ``shares``.
Rule 2: what several families draw is an ingredient; no family drafts a step.
Rule 3: each refused request has a harmless twin that looks like it.
"""
