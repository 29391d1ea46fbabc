"""Sizes at which models are computed in another way, or in parts, and the memory of jobs with them.

Read at every start of the workflow.
"""

#: The most lines, or markers where these are fewer, whose relationships are held as a matrix.
MOST_EXACT = 10_000
#: Lines of a network's training whose gradients are looked at, at most.
GRADIENT_LINES = 1000
#: Lines of a network's batch where nothing is learnt, at most, and positions of all of them.
PREDICTED_LINES, PREDICTED_POSITIONS = 256, 1 << 21
#: Markers that may have a large effect (`bayes`): so many more in each turn, at most.
MOST_CANDIDATES = 2000


def operations(values: int, missing: int) -> tuple[float, float]:
    """What a step of REML takes, roughly, where values of lines are learnt together in several
    traits or environments: by the values that are there, and by those that are missing.
    """
    return 2.0 * values**3, 2.0 * (values + missing) * missing**2 + missing**3


def is_quicker_by_values(values: int, missing: int) -> bool:
    """Which of the two ways such a step goes."""
    by_values, by_missing = operations(values, missing)
    return by_values < by_missing
