"""Text in as it arrives, facts out as they become certain.

Rule 1: sans-io: feed text, get events; no loop, no clock, no model.
Rule 2: nothing here raises on half a document, and nothing here repairs one.
Rule 3: a subtask is told once, at the moment its object closes.
"""
