"""The validation schemes by their names in the config."""

from breedcast.validation.clusters import LeaveClusterOutScheme, StratifiedScheme
from breedcast.validation.plan import KFoldScheme

SCHEMES: dict[str, type[KFoldScheme]] = {
    "kfold": KFoldScheme,
    "stratified": StratifiedScheme,
    "leave_cluster_out": LeaveClusterOutScheme,
}
