"""Which messages to users a run of tests provokes, and which it does not.

python -m tests.messages tests/unit          # the arguments of pytest
"""

from __future__ import annotations

import ast
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "workflow" / "breedcast"


def messages(package: Path) -> Iterator[tuple[Path, range, str]]:
    """Where each UserError of the package is raised (file, lines), and its text, with {} for what
    is put in.
    """
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "UserError":
                text = ast.unparse(node.args[0]).strip("f'\"")
                yield path, range(node.lineno, (node.end_lineno or node.lineno) + 1), text


def record(provoked: str) -> None:
    """From now on every UserError that is made tells the file by which line it was.

    Processes that are forked tell it too.
    """
    from breedcast.errors import UserError

    def made(self: UserError, *arguments: object) -> None:
        at = sys._getframe(1)
        with open(provoked, "a") as file:
            file.write(f"{at.f_code.co_filename}\t{at.f_lineno}\n")
        Exception.__init__(self, *arguments)

    UserError.__init__ = made  # type: ignore[method-assign]


def main() -> int:
    sys.path.insert(0, str(PACKAGE.parent))
    with tempfile.TemporaryDirectory() as folder:
        provoked = os.path.join(folder, "provoked")
        Path(provoked).touch()
        record(provoked)
        status = pytest.main(sys.argv[1:])
        lines = Path(provoked).read_text().splitlines()
    found = {(file, int(line)) for file, line in (row.split("\t") for row in lines)}
    every = list(messages(PACKAGE))
    missed = [it for it in every if not any((str(it[0]), line) in found for line in it[1])]
    for path, where, text in missed:
        print(f"{path.relative_to(PACKAGE)}, line {where[0]}: {text}")
    print(f"{len(every) - len(missed)} of {len(every)} messages were provoked")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
