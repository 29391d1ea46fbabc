"""The validation schemes by their names in the config, as far as the rules need to know them.

Read at every start of the workflow, so it stays light: no numpy, no pandas.
"""

import math

#: What a scheme groups the lines by, where it heeds groups.
FOLLOWED = {
    "stratified": "cluster",
    "stratified_family": "family",
    "leave_cluster_out": "cluster",
    "leave_family_out": "family",
    "within_family": "family",
    "forward": "year",
}
#: Schemes of traits that were measured in several environments.
OF_ENVIRONMENTS = ("cv1", "cv2", "cv0", "cv00")
#: Those of them that test lines which other environments tell of.
OF_KNOWN_LINES = ("cv2", "cv0")
#: Schemes that deal all lines, or records, to the folds at random.
RANDOM = ("kfold", "stratified", "stratified_family", "cv1", "cv2")
#: Schemes that split hybrids by their parents: both tested in others (T2), one new (T1), both (T0).
BY_PARENTS = ("both_parents_tested", "one_parent_new", "both_parents_new")
#: The scheme that is read from a file.
OWN = "own"
#: Schemes that do not deal whole lines, so that nearly identical ones cannot be kept together.
DEAL_NO_LINES = ("forward", OWN, "cv2", "cv0", "cv00")
#: Parts that parents on both sides are dealt to for inner folds in which both parents are new, and
#: the pairs of these.
LEAST_PARTS = 4
PAIRS = LEAST_PARTS * (LEAST_PARTS + 1) // 2


def scheme_of_candidates(scheme: str, several: bool) -> str:
    """What the candidates' intervals are calibrated under: they are new lines, and not tested in
    environments of their own.

    several: whether a line has several values; then inner folds of years are whole lines too.
    """
    return "cv1" if scheme in OF_ENVIRONMENTS or (several and scheme == "forward") else scheme


def grid_parts(inner_folds: int) -> int:
    """Parts of females, and of males, whose grid has about so many inner folds: four or more."""
    return max(2, round(math.sqrt(inner_folds)))
