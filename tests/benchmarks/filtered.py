"""Genotypes of a data set as benchmarks take them."""

import tempfile
from pathlib import Path

from breedcast.genotypes.filter import filter_genotypes
from breedcast.genotypes.importing import import_genotypes
from breedcast.genotypes.source import Reading
from breedcast.genotypes.store import Codes, read_codes


def codes_of(vcf: Path) -> Codes:
    """The codes of a VCF, filtered by the config's defaults."""
    with tempfile.TemporaryDirectory() as scratch:
        import_genotypes([vcf], f"{scratch}/imported", Reading())
        filter_genotypes(
            f"{scratch}/imported",
            scratch,
            min_maf=0.01,
            max_missing_marker=0.2,
            max_missing_line=0.5,
        )
        return read_codes(f"{scratch}/codes.zarr")
