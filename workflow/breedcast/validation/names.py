"""The validation schemes by their names in the config, as far as the rules need to know them.

Read at every start of the workflow, so it stays light: no numpy, no pandas.
"""

#: What a scheme groups the lines by, where it heeds groups.
FOLLOWED = {
    "stratified": "cluster",
    "stratified_family": "family",
    "leave_cluster_out": "cluster",
    "leave_family_out": "family",
    "within_family": "family",
    "forward": "year",
}
#: Schemes that deal all lines to the folds at random.
RANDOM = ("kfold", "stratified", "stratified_family")
#: The scheme that is read from a file.
OWN = "own"
#: Schemes that deal no lines: which of them share a fold is given.
GIVEN = ("forward", OWN)
