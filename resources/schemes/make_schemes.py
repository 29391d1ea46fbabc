"""Makes the table of years and the plan in this folder from the embedded example.

python resources/schemes/make_schemes.py
"""

import csv
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXAMPLE = HERE.parent / "example" / "phenotypes.tsv"


def year(family: str) -> int:
    """The families of the first ring of crosses came before those of the second."""
    if family.startswith("A"):
        return 2021
    return 2023 if family <= "B05" else 2024


def main() -> None:
    with open(EXAMPLE, encoding="utf-8") as table:
        lines = list(csv.DictReader(table, delimiter="\t"))
    _write(
        "phenotypes.tsv",
        ["sample", "family", "year", "yield"],
        [(it["sample"], it["family"], year(it["family"]), it["yield"]) for it in lines],
    )
    _write(
        "plan.tsv",
        ["sample", "fold", "role"],
        [(it["sample"], 1, "train" if it["family"] < "B" else "test") for it in lines],
    )


def _write(name: str, header: list[str], rows: list[tuple[object, ...]]) -> None:
    with open(HERE / name, "w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table, delimiter="\t", lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
