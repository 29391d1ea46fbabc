"""How tables tell units apart: one training set each, and what was predicted from it."""

#: The columns that name a unit.
UNIT = ("repeat", "fold", "permutation")
#: The repeat and fold of the unit in which every phenotyped line trains.
CANDIDATE_UNIT = -1
