"""Where the package's code is, and which of it a result depends on."""

from __future__ import annotations

import ast
import hashlib
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
SCRIPTS = PACKAGE.parent / "scripts"


def put_on_python_path() -> None:
    """Let Python processes started from this one import the package, first of all paths."""
    paths = [str(PACKAGE.parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(filter(None, paths)))


@cache
def code_hash(script: str, *modules: str) -> str:
    """A hash of all files of the package that a rule's script imports, directly or not.

    script: its name without the ending. modules: more that it will load by a name known only
    at run time, as dotted names: the model of a training job.
    """
    digest = hashlib.sha256()
    for path in code_files(script, *modules):
        digest.update(path.relative_to(PACKAGE.parent).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def file_hash(folder: Path, *patterns: str) -> str:
    """A hash of the files of a folder whose names match these patterns, wherever it lies."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in patterns for path in folder.glob(pattern)):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def code_files(script: str, *modules: str) -> list[Path]:
    """The files of the package that these import, directly or not, and themselves."""
    roots = [SCRIPTS / f"{script}.py", *map(_file, modules)]
    return sorted(frozenset().union(*map(_reachable, roots)))


def libraries(script: str, *modules: str) -> list[str]:
    """Modules of other distributions that these files of the package import, as they name them."""
    named = {name for path in code_files(script, *modules) for name in _imported(path)}
    ours = {"breedcast", "__future__", *sys.stdlib_module_names}
    return sorted(name for name in named if name.partition(".")[0] not in ours)


@cache
def _reachable(start: Path) -> frozenset[Path]:
    found, todo = {start}, [start]
    while todo:
        for path in _imports(todo.pop()):
            if path not in found:
                found.add(path)
                todo.append(path)
    return frozenset(found)


@cache
def _imports(path: Path) -> frozenset[Path]:
    """The package's files that one of its files imports, at its top or inside a function."""
    names = {
        name
        for module, objects in _imported(path).items()
        for name in (module, *(f"{module}.{it}" for it in objects))
    }
    return frozenset(
        file for name in names if name.startswith("breedcast.") and (file := _file(name)).is_file()
    )


@cache
def _imported(path: Path) -> dict[str, list[str]]:
    """The modules that a file imports, at its top or inside a function; the names taken of each."""
    found: dict[str, list[str]] = {}
    for node in _statements(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found.setdefault(alias.name, [])
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.setdefault(node.module, []).extend(alias.name for alias in node.names)
    return found


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Every statement of a module; expressions, most of its nodes, hold no import."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        yield node
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            todo += getattr(node, block, [])


def _file(module: str) -> Path:
    parts = module.split(".")[1:]
    folder = PACKAGE.joinpath(*parts)
    return folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
