"""The MQTT door: bytes ↔ messages.

Rule 1: acknowledge a command only after the journal has it, or has its refusal.
Rule 2: everything published about tasks comes from the journal's outbox, in its order.
Rule 3: paho lives in ``client``; nothing raises in its thread, and nothing works there.
Rule 4: a connection is used once; what belongs to an older one is dropped, the broker redelivers.
"""
