"""What the import makes of every VCF and BCF below a folder: valid ones, broken ones.

    PYTHONPATH=workflow python tests/benchmarks/corpus.py FOLDER [KEY=VALUE ...] > outcomes.tsv

KEY=VALUE are keys of the config's section `genotypes`, read as YAML (contigs={MT: haploid}).
Each file is imported in a process of its own. A row per file says what became of it:

    right       read, and every dosage is what bcftools says
    unchecked   read, where bcftools refuses
    refused     one line, and nothing left behind
    wrong, traceback, words, litter, crash, hang    our faults

and what it says: the message, the difference, or the end of the traceback. The faults are also
the exit status.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

import breedcast.script  # noqa: F401  (one compute thread, before numpy is imported)
from breedcast.errors import UserError
from breedcast.genotypes import bcf, vcf  # noqa: F401  (loaded once, not by every child)
from breedcast.genotypes.formats import read_samples
from breedcast.genotypes.importing import import_genotypes
from breedcast.genotypes.source import Reading
from breedcast.genotypes.store import Imported

SUFFIXES = (".vcf", ".vcf.gz", ".vcf.bgz", ".bcf", ".bcf.gz")
SECONDS = 60
FAULTS = ("wrong", "traceback", "words", "litter", "crash", "hang")
#: Where bcftools leaves out records, and exits with 0.
COMPLAINTS = (b"[E::", b"Bad BCF record")


def main(folder: Path, reading: Reading) -> None:
    """A row per file; exits with the number of faults."""
    outcomes: Counter[str] = Counter()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name.lower().endswith(SUFFIXES):
            outcome, words = judge(path, reading)
            outcomes[outcome] += 1
            print(outcome, path.relative_to(folder), words, sep="\t", flush=True)
    print(dict(outcomes), file=sys.stderr)
    sys.exit(min(sum(outcomes[fault] for fault in FAULTS), 100))


def judge(path: Path, reading: Reading) -> tuple[str, str]:
    """What became of a file, and what is to be said of it."""
    with tempfile.TemporaryDirectory() as name:
        store = Path(name) / "imported"
        status, output = in_child(path, store, reading)
        left = [it.name for it in Path(name).iterdir()]
        if status == -signal.SIGALRM:
            return "hang", f"over {SECONDS} s"
        if status or not output:
            return "crash", f"status {status}"
        outcome, words = json.loads(output)
        if outcome == "read":
            return compared(path, Imported(store))
        if outcome == "refused" and left:
            return "litter", str(left)
        one_line = len(words.splitlines()) == 1 and words.startswith(str(path))
        return ("words" if outcome == "refused" and not one_line else outcome), repr(words)


def in_child(path: Path, store: Path, reading: Reading) -> tuple[int, bytes]:
    """Exit status (a signal's number negative), and what the import has said."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if not child:
        signal.alarm(SECONDS)
        os.write(write_end, json.dumps(imported(path, store, reading)).encode())
        os._exit(0)
    os.close(write_end)
    with open(read_end, "rb") as pipe:
        output = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), output


def imported(path: Path, store: Path, reading: Reading) -> tuple[str, str]:
    """The import's outcome: `read`, `refused` or `traceback`."""
    try:
        read_samples(path)
        import_genotypes([path], store, reading)
        return "read", ""
    except UserError as error:
        return "refused", str(error)
    except BaseException:
        return "traceback", traceback.format_exc()[-600:]


def compared(path: Path, found: Imported) -> tuple[str, str]:
    """The markers that were read, against what bcftools prints of the file."""
    query = ["bcftools", "query", "-f", r"%CHROM\t%POS[\t%GT]\n", str(path)]
    done = subprocess.run(query, capture_output=True, check=False)
    if done.returncode or any(words in done.stderr for words in COMPLAINTS):
        return "unchecked", repr(done.stderr.decode("utf-8", "replace").strip()[-200:])
    expected = [parsed(line) for line in done.stdout.decode("utf-8", "replace").splitlines()]
    if len(markers := list(markers_of(found))) != len(expected):
        return "wrong", f"{len(markers)} markers, bcftools has {len(expected)}"
    for ours, theirs in zip(markers, expected, strict=True):
        if ours != theirs:
            return "wrong", f"{ours} where bcftools has {theirs}"[:400]
    return "right", f"{len(expected)} markers, ploidy {found.summary.ploidy}"


def markers_of(found: Imported) -> Iterator[tuple[str, int, list[int]]]:
    rows = [row for block in found.blocks() for row in block.tolist()]
    places = found.markers[["contig", "position"]].itertuples(index=False)
    return ((*place, row) for place, row in zip(places, rows, strict=True))


def parsed(line: str) -> tuple[str, int, list[int]]:
    """Contig, position and dosages (half calls are missing) of a row of bcftools query."""
    contig, position, *calls = line.split("\t")
    alleles = [call.replace("|", "/").split("/") for call in calls]
    return contig, int(position), [-1 if "." in it else len(it) - it.count("0") for it in alleles]


def options(given: list[str]) -> dict[str, Any]:
    """KEY=VALUE as the reading's fields."""
    return {key: yaml.safe_load(value) for key, _, value in (it.partition("=") for it in given)}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Reading(**options(sys.argv[2:])))
