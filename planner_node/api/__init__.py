"""The HTTP door: requests in, messages and tasks through the planner, answers out.

Rule 1: a route decodes, hands over and answers; it holds no logic of its own.
Rule 2: every refusal has a problem code, a status and words in two languages.
Rule 3: nothing here waits on the event loop, and whoever leaves stops what they asked for.
"""
