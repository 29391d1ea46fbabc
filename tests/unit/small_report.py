"""A small results folder made by the functions that make a real one, with hostile names."""

import dataclasses
from functools import partial
from itertools import chain

import numpy as np
import pandas as pd

from breedcast.files import write_arrays, write_json, write_parquet, write_table
from breedcast.genotypes.columns import CodeColumns
from breedcast.genotypes.store import (
    CodesSummary,
    ImportSummary,
    InputFile,
    Thresholds,
    write_summary,
)
from breedcast.genotypes.structure import find_structure
from breedcast.markers.association import scan_association
from breedcast.markers.regions import Naming, find_regions, name_markers
from breedcast.markers.saliency import standings
from breedcast.models.base import model_class
from breedcast.models.job import TrainingJob
from breedcast.models.registry import MODELS
from breedcast.models.tuning import Tuning
from breedcast.phenotypes.adjust import adjust_plots
from breedcast.phenotypes.table import read_phenotypes
from breedcast.project import SELECTION_TABLES
from breedcast.report.collect import collect
from breedcast.scoring.comparison import compare_models
from breedcast.scoring.ensemble import combine
from breedcast.scoring.groups import group_scores, groups_of
from breedcast.scoring.intervals import each_tested_line, try_intervals
from breedcast.scoring.scores import score
from breedcast.selection.candidates import expected_response, rank_candidates
from breedcast.selection.contribution import choose_contributions
from breedcast.selection.crosses import predict_crosses
from breedcast.selection.merit import Merit
from breedcast.selection.training_set import learning_curve, phenotype_next
from breedcast.validation.control import permuted
from breedcast.validation.plan import KFoldScheme

TRAIT = "<script>alert('trait')</script>"
HOSTILE = ["</script><b>", 'O\'Brien "x"', "小麦 🌾", "=1+1", "NA", "007", "a,b", "L" * 300]
OPTIONS = {"baseline": {}, "gblup": {}, "deepgs": {"epochs": 2}}
#: Options that are tuned, by model.
TUNED = {"deepgs": ["learning_rate"]}
LINES, CANDIDATES, MARKERS = 60, 8, 40


def trials(path):
    """heritability.tsv of made-up plots in two environments. path: for their table."""
    rng = np.random.default_rng(1)
    plots = [
        (f"L{line}", environment, replicate, line / 5 + rng.normal())
        for environment in ("<i>north</i>", "south")
        for replicate in ("a", "b")
        for line in range(20)
    ]
    write_table(pd.DataFrame(plots, columns=["sample", "environment", "replicate", TRAIT]), path)
    design = {"environment": "environment", "replicate": "replicate"}
    return adjust_plots(read_phenotypes(path, of_plots=True), design, TRAIT).heritability


def small_report(folder):
    """A report of one trait, and the scores by model. folder: for its results."""
    rng = np.random.default_rng(0)
    samples = [f"L{number}" for number in range(LINES)] + HOSTILE
    codes = rng.binomial(2, 0.4, (len(samples), MARKERS)).astype(np.uint8)
    value = codes[:, :5].sum(axis=1) + rng.normal(0, 1, len(samples))
    value[LINES:] = np.nan
    lines = pd.DataFrame({"sample": samples, "environment": None, "value": value, "weight": 1.0})
    plan = KFoldScheme(3, 1, 2, 0).make_plan(lines, TRAIT)
    dealt = partial(permuted, lines, 0, TRAIT)
    predictions, scores = {}, {}
    for name, options in OPTIONS.items():
        model = model_class(MODELS[name])(**options)
        tuning = Tuning(TUNED[name], trials=2) if name in TUNED else None
        job = TrainingJob(model, name, TRAIT, lines, codes, 2, plan, 1, 0, "cpu", tuning=tuning)
        tables = job.run(threads=1)
        predictions[name] = tables.predictions
        write_parquet(tables.history, folder / "t" / name / "history.parquet")
        write_parquet(tables.saliency, folder / "t" / name / "saliency.parquet")
        write_table(tables.studies, folder / "t" / name / "studies.tsv")
        write_table(tables.facts, folder / "t" / name / "facts.tsv")
        write_arrays(tables.weights, folder / "t" / name / "weights.safetensors", {})
        write_json(job.run_facts(), folder / "t" / name / "run.json")
    predictions["ensemble"], weights = combine(predictions, dealt, "auto")
    write_table(weights, folder / "t" / "ensemble" / "weights.tsv")
    for name, table in predictions.items():
        scores[name] = score(table, plan, dealt, "high")
        write_parquet(table, folder / "t" / name / "predictions.parquet")
        write_table(scores[name], folder / "t" / name / "scores.tsv")
    markers = pd.DataFrame(
        {
            "contig": np.repeat(["1", "2"], MARKERS // 2),
            "position": np.arange(MARKERS) * 1000,
            "id": [f"<m{number}>" for number in range(MARKERS)],
            "ref": "A",
            "alt": "C",
        }
    )
    structure = find_structure(codes, 2, clusters=3, coordinates=4)
    write_table(lines, folder / "t" / "phenotypes.tsv")
    write_table(plan, folder / "t" / "plan.tsv")
    write_table(
        pd.DataFrame({"sample": ["X"], "reason": ["why <not>"]}), folder / "t" / "dropped.tsv"
    )
    write_table(compare_models(scores, plan, standard="gblup"), folder / "t" / "comparison.tsv")
    place, wanted = structure.table(samples), {"fraction": 0.2, "direction": "high"}
    ranked = rank_candidates(predictions, lines, place, level=0.9, **wanted)
    write_table(ranked, folder / "t" / "candidates.tsv")
    write_table(expected_response(predictions, lines, **wanted), folder / "t" / "response.tsv")
    merit = Merit.fit(CodeColumns.of(codes, 2), lines)
    crossed = {"parents": 70, "selected": 0.1, "progeny": "doubled_haploids", "seed": 0}
    inbred = dataclasses.replace(merit, codes=CodeColumns.of(codes & 2, 2))
    crosses = predict_crosses(inbred, np.full(MARKERS, 0.1), direction="high", **crossed)
    write_table(crosses, folder / "t" / "crosses.tsv")
    shares, frontier = choose_contributions(merit, lines=30, relationship=0.2, direction="high")
    write_table(shares, folder / "t" / "contributions.tsv")
    write_table(frontier, folder / "t" / "frontier.tsv")
    write_table(phenotype_next(merit, 5), folder / "t" / "phenotype_next.tsv")
    parts = {"line_shares": [0.5, 1], "marker_shares": [0.5, 1], "seed": 0}
    curve = learning_curve(lines, codes, 2, plan, **parts)
    write_table(curve, folder / "t" / "learning_curve.tsv")
    groups = groups_of(lines, place, pd.DataFrame({"sample": samples}))
    write_table(group_scores(predictions, lines, groups), folder / "t" / "group_scores.tsv")
    write_table(trials(folder / "plots.tsv"), folder / "t" / "heritability.tsv")
    tested = each_tested_line(predictions, lines, 0.9)
    write_parquet(tested, folder / "t" / "tested.parquet")
    intervals = try_intervals(tested, lines, groups, 0.9)
    write_table(intervals.assign(scheme="kfold"), folder / "t" / "intervals.tsv")
    scan = scan_association(CodeColumns.of(codes[:LINES], 2), markers, lines.iloc[:LINES])
    write_parquet(scan, folder / "t" / "association.parquet")
    naming = name_markers(
        scan, ((name, standings(folder / "t" / name / "saliency.parquet")) for name in OPTIONS)
    )
    # every method names one marker, beside what it names by its threshold
    named = {method: np.append(own, at) for at, (method, own) in enumerate(naming.named.items())}
    peaks = np.union1d(naming.peaks, np.arange(len(named)))
    naming = Naming(naming.methods, named, peaks)
    genes = pd.DataFrame([("1", 0, 500, "<gene>")], columns=["contig", "start", "end", "gene"])
    regions = find_regions(CodeColumns.of(codes[:LINES], 2), scan, naming, genes)
    write_table(regions, folder / "t" / "regions.tsv")
    write_table(naming.methods, folder / "t" / "region_methods.tsv")
    read = ImportSummary([InputFile("g.vcf", "VCF", "0" * 64)], len(samples), MARKERS + 2, 2, {})
    limits = Thresholds(0.01, 0.2, 0.5)
    dropped = {"monomorphic": 2}
    write_summary(
        CodesSummary(len(samples), MARKERS, 2, "1" * 64, 0.0, {}, dropped, limits, read),
        folder / "genotypes" / "codes.json",
    )
    write_table(structure.table(samples), folder / "genotypes" / "structure.tsv")
    write_json(structure.facts(), folder / "genotypes" / "structure.json")
    table = folder / "traits.tsv"
    write_table(lines[["sample", "value"]], table)
    config = {
        "interval": 0.9,
        "validation": {"scheme": "kfold", "folds": 3, "repeats": 1, "inner_folds": 2, "seed": 0},
        "control": {"permutations": 1},
        "structure": {"clusters": 3, "coordinates": 4},
        "association": {"leave_out_contig": False},
        "selection": {"fraction": 0.2},
    }
    settings = {
        "traits": [{"id": "t", "name": TRAIT, "direction": "high"}],
        "models": [{"name": it, "kind": it, "tuned": it in TUNED} for it in predictions],
        "plots": True,
        "config": config,
        "random_folds": True,
        "passed_over": [],
        "selection_tables": ["response.tsv", *chain(*SELECTION_TABLES.values())],
        "index": [],
        "benchmarks": str(folder / "no benchmarks"),
        "steps": {"read": [], "train": ["read"], "test": ["read"], "report": ["test", "train"]},
    }
    return collect(folder, table, settings), scores
