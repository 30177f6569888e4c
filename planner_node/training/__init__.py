"""Makes the embedded planner model from generated data; the running service never imports it.

Rule 1: every training plan was executed in the symbolic world and reached its goal.
Rule 2: sample number ``i`` of a seed is the same on every machine: no clock, no hidden state.
Rule 3: what people say lives in ``corpus/lexicon/`` as text; Python only combines it.
Rule 4: the scoring test set is never read by what generates or trains.

``README.md`` beside this file is the map: from a random number to a sample, a weight, a score.
"""
