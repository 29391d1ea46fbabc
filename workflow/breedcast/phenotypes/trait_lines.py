"""What the trait table tells of one trait: its lines, their labels, and who is left out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import pandas as pd

from breedcast.genotypes.hybrids import check_own_calls, check_parents, heterozygous_shares
from breedcast.genotypes.store import Codes
from breedcast.phenotypes.clean import clean_phenotypes, read_candidates, warn_of_missing_codes
from breedcast.phenotypes.covariates import at_average, is_confounded
from breedcast.phenotypes.hybrids import SIDES, Hybrids
from breedcast.phenotypes.labels import labels_of
from breedcast.phenotypes.line_values import line_table
from breedcast.phenotypes.spelling import warn_of_spellings
from breedcast.phenotypes.table import PhenotypeTable

log = logging.getLogger(__name__)


def trait_lines(
    table: PhenotypeTable,
    trait: str,
    *,
    covariates: list[str],
    weights: str | None,
    labels: Mapping[str, str],
    parents: Sequence[str],
    adjusted: pd.DataFrame | None,
    genotyped: list[str],
    codes: Codes | None,
    excluded: dict[str, str],
    candidates: str | None,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """phenotypes.tsv, labels.tsv and dropped.tsv of a trait.

    covariates, weights, labels (families and years), parents: columns of the table. adjusted:
    adjusted.tsv where the table is of plots. genotyped: the lines that passed the filters, codes
    theirs where they are parents of hybrids; excluded: the others, with the reason. candidates: the
    file that names them, ALL_CROSSES, or None for all lines without a value. A UserError tells of a
    trait that cannot be analysed.
    """
    beside = [*dict.fromkeys([*covariates, *labels.values()])]
    _warn_of_mistakes(table, [trait, *covariates], beside)
    if adjusted is not None:
        table, weights = line_table(table, adjusted, trait, [*dict.fromkeys([*beside, *parents])])
    names = None
    if codes is not None:
        hybrids = _hybrids(table, parents, candidates, codes, excluded)
        genotyped, excluded, names = hybrids.known, hybrids.reasons, hybrids.candidates
    elif candidates is not None:
        names = read_candidates(candidates, set(genotyped), excluded)
    cleaned = clean_phenotypes(table, trait, covariates, weights, genotyped, excluded, names)
    family = labels.get("family")
    lines = at_average(cleaned.lines, family)
    if family and is_confounded(lines, family):
        log.warning(
            "%s: differences between families (column %r) that other covariates may have made too "
            "are taken for theirs: predicted values of candidates lack them",
            *(table.path, family),
        )
    if codes is not None:
        lines = hybrids.with_parents(lines)
        by_hybrid = lines.drop_duplicates("sample").set_index("sample")
        check_own_calls(codes.codes, codes.samples, by_hybrid[list(SIDES)])
    return lines, labels_of(table, labels, lines), cleaned.dropped


def _warn_of_mistakes(table: PhenotypeTable, numbers: list[str], groups: list[str]) -> None:
    """The log tells of what may be meant otherwise.

    numbers, groups: columns that may hold codes of missing values, or names of groups.
    """
    warn_of_missing_codes(table, numbers)
    warn_of_spellings(f"{table.path}, environments", table.environments or ())
    for column in groups:
        if not table.holds_numbers(column):
            warn_of_spellings(f"{table.path}, column {column!r}", table.text(column))


def _hybrids(
    table: PhenotypeTable,
    parents: Sequence[str],
    candidates: str | None,
    codes: Codes,
    excluded: Mapping[str, str],
) -> Hybrids:
    check_parents(codes.ploidy)
    shares = heterozygous_shares([codes.codes])
    heterozygous = dict(zip(codes.samples, shares, strict=True))
    return Hybrids.of(table, parents, candidates, heterozygous, excluded)
