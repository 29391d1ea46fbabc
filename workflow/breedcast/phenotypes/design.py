"""The columns of a table of plots that tell where and how each plot was grown.

Read at every start of the workflow: only the standard library is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from breedcast.errors import UserError
from breedcast.phenotypes.table import PhenotypeTable

#: What a column can tell of a plot, and what such columns are called beside; Row or ROW too.
ROLES: dict[str, tuple[str, ...]] = {
    "environment": ("env",),
    "year": (),
    "location": ("loc", "site"),
    "replicate": ("rep",),
    "block": ("blk",),
    "row": (),
    "column": ("col", "range"),
    "check": (),
}
#: The environment too, but where others tell of it: then it may be one of several trials there.
TRIAL = "trial"


def design_columns(given: Mapping[str, str], table: PhenotypeTable) -> dict[str, str]:
    """The table's column of each role that it has.

    given: columns by role where they have other names. A UserError names one that is not there, and
    two columns of which either could be meant.
    """
    for role, column in given.items():
        if column not in table.columns:
            raise UserError(
                f"config, phenotypes: plots: {role}: {table.path} has no column {column!r}; "
                f"the columns are {', '.join(table.columns)}"
            )
    free = [column for column in table.columns if column not in given.values()]
    found = {
        role: given.get(role) or _called((role, *others), role, table.path, free)
        for role, others in ROLES.items()
    }
    if not (found["environment"] or found["location"] or found["year"]):
        found["environment"] = _called([TRIAL], "environment", table.path, free)
    return {role: column for role, column in found.items() if column is not None}


def _called(names: Iterable[str], role: str, path: str, columns: list[str]) -> str | None:
    """The column that is called by the first of the names, in small letters or else in others."""
    for name in names:
        called = [column for column in columns if column.lower() == name]
        if name in called or len(called) == 1:
            return name if name in called else called[0]
        if called:
            raise UserError(
                f"{path}: columns {' and '.join(map(repr, called))} are both called as the "
                f"{role} of plots; name the one that is meant: phenotypes: plots: {role}"
            )
    return None


def environments(table: PhenotypeTable, design: Mapping[str, str]) -> list[str]:
    """Each plot's environment: as its column says, else its year and location, else one."""
    roles = ("environment",) if "environment" in design else ("location", "year")
    columns = [design[role] for role in roles if role in design]
    if not columns:
        return ["all"] * len(table.rows)
    return [" ".join(parts) for parts in zip(*(complete(table, it) for it in columns), strict=True)]


def checks(table: PhenotypeTable, design: Mapping[str, str]) -> set[str]:
    """The names of the lines that any plot calls a check."""
    if "check" not in design:
        return set()
    answers = dict.fromkeys(("1", "yes", "true", "check"), True) | dict.fromkeys(
        ("0", "no", "false", "line"), False
    )
    found = set()
    for number, sample, text in zip(
        table.line_numbers, table.samples, table.text(design["check"]), strict=True
    ):
        answer = answers.get((text or "no").lower())
        if answer is None:
            raise UserError(
                f"{table.path}, line {number}, column {design['check']!r}: {text!r} does not say "
                "whether the plot held a check; write yes or no"
            )
        if answer:
            found.add(sample)
    return found


def complete(table: PhenotypeTable, column: str) -> list[str]:
    """A column's values, none missing; a UserError names the row that has none."""
    values = []
    for number, text in zip(table.line_numbers, table.text(column), strict=True):
        if text is None:
            raise UserError(
                f"{table.path}, line {number}: no value in column {column!r}; every row needs one"
            )
        values.append(text)
    return values
