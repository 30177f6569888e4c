"""The engine room: token ids in, token ids out.

Rule 1: it never hears of JSON, MQTT, tasks or robots; a ``Constraint`` says what may come next.
Rule 2: one thread owns an engine, its caches and constraints; ``worker`` is the crossing. Weights
are only read, so that the engines of a ``team`` share them.
Rule 3: every accepted request ends in exactly one terminal event, whatever dies.
Rule 4: a row's tokens do not depend on who else is in the batch.
"""

import os

# They are read when torch is loaded, so they must be there before any module of this room
# imports it. Rows come and go: without the first, GPU memory falls to pieces. Threads that spin
# while they wait starve each other as soon as anything else wants a core: a 3M model on two busy
# cores made 20 forwards a second without the second line and 500 with it.
os.environ.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# But a thread that sleeps at once is woken some hundred times a step. A little waiting bridges the
# gap to the next product: two threads then gain on a quiet machine, and lose little on a busy one,
# where ``threads`` finds that one is better. How long a turn of waiting is, differs: 3,000 do on an
# EPYC; on a Xeon a step of the embedded model takes 6.2 ms with them and 3.6 ms with 10,000.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
