"""What a run was made from and what it made, so that anyone can see that it comes out again.

`python -m breedcast.manifest FIRST AGAIN` compares two folders of results by their manifests.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from breedcast.errors import UserError

NAME = "manifest.json"
#: What differs between two runs of the same, by the file's name, and why.
NOT_COMPARED = {
    "report.html": "says when it was made and how long its jobs took",
    "run.json": "says what a training ran on",
}


def manifest(
    results: Path, files: Iterable[Path], inputs: Iterable[Path], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """The manifest of these files under the results' folder, made from these inputs.

    facts: what else is told: config, seed, versions. Nothing says when, where to or how long, so
    that runs of the same have the same manifest.
    """
    named = {path.relative_to(results).as_posix(): path for path in files}
    return {
        **facts,
        "inputs": {str(path): checksum(path) for path in inputs},
        "results": {name: checksum(named[name]) for name in sorted(named) if _is_compared(name)},
        "not_compared": NOT_COMPARED,
    }


def refuse_changed(inputs: Mapping[str, str], read: Iterable[Mapping[str, str]]) -> None:
    """Raises UserError for a file of genotypes that is no more what was read.

    inputs: of a manifest, sha256 by path; read: name and sha256, as codes.json tells of them.
    """
    told: dict[str, set[str]] = {}
    for file in read:
        told.setdefault(file["name"], set()).add(file["sha256"])
    for path, found in inputs.items():
        if found not in told.get(Path(path).name, {found}):
            raise UserError(f"{path} was changed during the run, or since; run again")


def checksum(path: Path) -> str:
    """The sha256 of a file; of a folder (a zarr store), that of its files' names and contents.

    Hidden files do not count: Snakemake's stamp is one.
    """
    if not path.is_dir():
        with open(path, "rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    files = sorted(it for it in path.rglob("[!.]*") if it.is_file())
    lines = (f"{checksum(file)}  {file.relative_to(path).as_posix()}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def changed(results: Path) -> list[str]:
    """What of a results' folder is not, or no longer, what its manifest says; a line for each."""
    return [
        f"{results / name}: " + ("is gone" if not (results / name).exists() else "was changed")
        for name, told in _read(results)["results"].items()
        if not (results / name).exists() or checksum(results / name) != told
    ]


def differences(first: Path, again: Path) -> list[str]:
    """The results in which two runs differ, then what they were made from; a line for each."""
    one, two = _read(first), _read(again)
    lines = list(_differing(one["results"], two["results"], str(first), str(again)))
    if not lines:
        return []
    for key in ("config", "inputs", "versions"):
        made_from = _differing(one[key], two[key], str(first), str(again))
        lines += [f"{key}: {line}" for line in made_from]
    return lines


def _is_compared(name: str) -> bool:
    return Path(name).name not in NOT_COMPARED


def _differing(
    one: Mapping[str, Any], two: Mapping[str, Any], first: str, again: str
) -> Iterator[str]:
    for name in sorted({*one, *two}):
        if name not in two or name not in one:
            yield f"{name}: only in {first if name in one else again}"
        elif one[name] != two[name]:
            yield f"{name}: differs"


def _read(results: Path) -> dict[str, Any]:
    path = results / NAME
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return told
    except (OSError, ValueError) as damage:
        raise UserError(f"{path} cannot be read ({damage}): run the workflow to its end") from None


def main(*folders: Path) -> None:
    """Compare two runs; exits with 1 where they differ or were changed since."""
    if len(folders) != 2:
        raise UserError("give two folders of results: FIRST AGAIN")
    first, again = folders
    lines = [*changed(first), *changed(again), *differences(first, again)]
    same = len(_read(first)["results"])
    print("\n".join(lines) if lines else f"{first}, {again}: all {same} results are the same")
    sys.exit(bool(lines))


if __name__ == "__main__":
    try:
        main(*map(Path, sys.argv[1:]))
    except UserError as error:
        sys.exit(str(error))
