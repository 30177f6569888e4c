"""Conversation and tools in, text out: prompt, grammar and engine behind one Protocol.

Rule 1: callers see text and typed errors, never token ids.
Rule 2: only ``loading`` meets transformers, and only inside its functions.
Rule 3: who leaves a stream stops its generation.
"""
