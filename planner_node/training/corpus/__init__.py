"""Makes the corpus: from a seed and a number to a conversation and its right answer.

Rule 1: all chance comes from one generator, seeded with the sample's number; nobody else is asked.
Rule 2: names are drawn first, intents are made of them, then both are planned and said.
Rule 3: what is said comes from ``lexicon``, what is done from ``plans``; neither reads the other.
Rule 4: these samples made the embedded weights: a change of one letter means training anew.
"""
