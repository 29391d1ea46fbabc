"""The file of a user's own plan.

Read at every start of the workflow: only the standard library is needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from breedcast.errors import UserError
from breedcast.numerals import whole
from breedcast.phenotypes.table import is_missing, read_records

#: Its columns: the first two are required.
COLUMNS = ("sample", "fold", "repeat", "role", "inner_fold", "environment")
ROLES = ("train", "test")


@dataclass(frozen=True)
class PlanRow:
    """What a line does in a fold, in one environment or (None) in all.

    number: of the row in the file.
    """

    number: int
    sample: str
    repeat: int
    fold: int
    role: str
    inner_fold: int | None
    environment: str | None = None

    @property
    def where(self) -> str:
        """The fold, in the file's numbers."""
        return f"repeat {self.repeat}, fold {self.fold}"


@dataclass(frozen=True)
class OwnPlan:
    """The rows of the file, the candidates' unit aside. has_roles: whether they tell roles."""

    path: str
    rows: list[PlanRow]
    has_roles: bool

    @property
    def folds(self) -> list[int]:
        """How many folds each repeat has."""
        return [len({row.fold for row in rows}) for rows in _grouped(self.rows, "repeat")]

    def units(self) -> dict[tuple[int, int], list[PlanRow]]:
        """What lines do in each repeat and fold, these numbered from 0 in their order."""
        found: dict[tuple[int, int], list[PlanRow]] = {}
        for repeat, of_repeat in enumerate(_grouped(self.rows, "repeat")):
            rows = of_repeat if self.has_roles else _crossed(of_repeat)
            for fold, unit in enumerate(_grouped(rows, "fold")):
                found[repeat, fold] = unit
        return found


def read_own_plan(path: str | Path) -> OwnPlan:
    """Read and check a plan; a UserError names the line of the file that is wrong.

    Columns sample and fold, and where given repeat (else all are of one), role, inner_fold and
    environment (else a row is of all), in any order; others are not looked at. With roles a row
    says what a line does in a fold: a plan.tsv of Breedcast is such a file. Without, a line is
    tested in its fold, and trains in the other folds of the repeat. Rows of a negative repeat are
    left out: those of the candidates.
    """
    path = Path(path)
    table = read_records(path, "validation: plan")
    header = table[0][1] if table else []
    for column in COLUMNS[:2]:
        if column not in header:
            raise UserError(
                f"{path}: no column {column!r}; a plan has the columns sample and fold, and where "
                "wanted repeat, role (train, test) and inner_fold"
            )
    rows = []
    for number, record in table[1:]:
        if len(record) != len(header):
            raise UserError(
                f"{path}, line {number}: {len(record)} fields where the header has {len(header)}"
            )
        row = _row(dict(zip(header, record, strict=True)), f"{path}, line {number}", number)
        if row.repeat >= 0:
            rows.append(row)
    if not rows:
        raise UserError(f"{path}: the plan has no rows; it needs one for each line and fold")
    has_roles = "role" in header
    _refuse_repeats(rows, path, ("repeat", "fold") if has_roles else ("repeat",))
    for of_repeat in _grouped(rows, "repeat"):
        units = _grouped(of_repeat, "fold")
        if not has_roles and len(units) < 2:
            raise UserError(
                f"{path}, repeat {of_repeat[0].repeat}: one fold only, so no line is left to train "
                "on; have two, or a column role"
            )
        for unit in units if has_roles else ():
            for role in set(ROLES) - {row.role for row in unit}:
                raise UserError(f"{path}, {unit[0].where}: no line has the role {role}")
    return OwnPlan(str(path), rows, has_roles)


def _row(cells: dict[str, str], where: str, number: int) -> PlanRow:
    sample, role = cells["sample"], cells.get("role", "test")
    if not sample:
        raise UserError(f"{where}: no line name in column 'sample'")
    if role not in ROLES:
        raise UserError(f"{where}, column 'role': {role!r} is neither train nor test")
    inner, environment = cells.get("inner_fold", ""), cells.get("environment", "")
    return PlanRow(
        number=number,
        sample=sample,
        repeat=_whole(cells.get("repeat", "0"), f"{where}, column 'repeat'"),
        fold=_whole(cells["fold"], f"{where}, column 'fold'"),
        role=role,
        inner_fold=None if is_missing(inner) else _whole(inner, f"{where}, column 'inner_fold'"),
        environment=None if is_missing(environment) else environment,
    )


def _whole(text: str, where: str) -> int:
    number = whole(text)
    if number is None:
        raise UserError(f"{where}: {text!r} is not a whole number")
    return number


def _refuse_repeats(rows: Iterable[PlanRow], path: Path, unit: tuple[str, ...]) -> None:
    """Raise a UserError for a line that stands twice in a unit: in an environment, or in all."""
    seen: dict[tuple[object, ...], dict[str | None, int]] = {}
    for row in rows:
        environments = seen.setdefault((row.sample, *(getattr(row, name) for name in unit)), {})
        # a row of all environments stands in each that another row names
        again = row.environment is None or row.environment in environments or None in environments
        if environments and again:
            first = environments.get(row.environment, min(environments.values()))
            told = row.where if "fold" in unit else f"repeat {row.repeat}"
            raise UserError(
                f"{path}, line {row.number}: {row.sample!r} stands in {told} already (line "
                f"{first}); keep one row"
            )
        environments[row.environment] = row.number


def _crossed(rows: list[PlanRow]) -> list[PlanRow]:
    """Every line of a repeat in every fold of it: tested in its own, trained on in the others."""
    folds = sorted({row.fold for row in rows})
    return [
        replace(row, fold=fold, role="test" if row.fold == fold else "train")
        for fold in folds
        for row in rows
    ]


def _grouped(rows: list[PlanRow], name: str) -> list[list[PlanRow]]:
    """The rows by the values of a field, in ascending order."""
    found: dict[int, list[PlanRow]] = {}
    for row in rows:
        found.setdefault(getattr(row, name), []).append(row)
    return [found[value] for value in sorted(found)]
