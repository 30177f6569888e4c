"""Whether a plan would have done what the instruction asked, judged without a judge model.

Rule 1: the scorer knows an instruction's own names and a lexicon of verbs, not the generator.
Rule 2: a subtask is read into actions, they run in a symbolic world, and the world is asked.
Rule 3: all is pure but ``engines`` (models, HTTP) and ``testset`` (files).
Rule 4: a change of lexicon or rules raises VERSION, and older results are scored again.
"""

from typing import Final

VERSION: Final = "PQ-1.2"
