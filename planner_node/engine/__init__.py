"""The engine room: token ids in, token ids out.

Rule 1: it never hears of JSON, MQTT, tasks or robots; a ``Constraint`` says what may come next.
Rule 2: one thread owns the model, the caches and every constraint; ``worker`` is the crossing.
Rule 3: every accepted request ends in exactly one terminal event, whatever dies.
Rule 4: a row's tokens do not depend on who else is in the batch.
"""

import os

# Read when torch first meets CUDA, so it must be there before any module of this room imports
# torch: rows come and go, and without it the memory of long prompts falls to pieces.
os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
