"""Conversation and catalogue in, token ids out.

Rule 1: the same conversation gives the same ids, today and tomorrow.
Rule 2: what people write is data: it never becomes a special token.
Rule 3: the tokenizer comes in as a Protocol; this room loads no model.
"""
