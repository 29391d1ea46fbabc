"""The validation schemes by their names in the config."""

from breedcast.validation.environments import CV0Scheme, CV00Scheme, CV2Scheme
from breedcast.validation.groups import (
    ForwardScheme,
    LeaveGroupOutScheme,
    StratifiedScheme,
    WithinGroupScheme,
)
from breedcast.validation.hybrids import (
    BothParentsNewScheme,
    BothParentsTestedScheme,
    OneParentNewScheme,
)
from breedcast.validation.names import OWN
from breedcast.validation.own import OwnScheme
from breedcast.validation.plan import KFoldScheme

#: Those that follow groups (names.FOLLOWED) are given `known`, those of hybrids (names.BY_PARENTS)
#: `parents`, the one of a file its `plan`.
SCHEMES: dict[str, type[KFoldScheme]] = {
    "kfold": KFoldScheme,
    "stratified": StratifiedScheme,
    "stratified_family": StratifiedScheme,
    "leave_cluster_out": LeaveGroupOutScheme,
    "leave_family_out": LeaveGroupOutScheme,
    "within_family": WithinGroupScheme,
    "forward": ForwardScheme,
    "cv1": KFoldScheme,
    "cv2": CV2Scheme,
    "cv0": CV0Scheme,
    "cv00": CV00Scheme,
    "both_parents_tested": BothParentsTestedScheme,
    "one_parent_new": OneParentNewScheme,
    "both_parents_new": BothParentsNewScheme,
    OWN: OwnScheme,
}
