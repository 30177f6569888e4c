"""What is to be done: intents become steps that a symbolic world has carried out.

Rule 1: a step is drafted only by executing it; what the world refuses is no plan.
Rule 2: nothing here knows a language, a lexicon or chance: equal intents give equal plans.
Rule 3: ``planning`` has one expansion for every kind of intent; the others hold them.
"""
