"""The embedded example from a clean copy: what it writes and whether it is true."""

import json

import numpy as np
import pandas as pd
import pytest

from breedcast.files import read_parquet, read_table
from breedcast.manifest import changed

TRAITS = ("yield", "height", "disease")
NETWORKS = ("dnn", "dnngp", "deepgs", "dlgwas")
MODELS = ("baseline", "gblup", "rkhs", "lightgbm", *NETWORKS, "ensemble")


@pytest.fixture(scope="module")
def results(example):
    return example.folder / "results"


@pytest.fixture(scope="module")
def truth(repository):
    return read_table(repository / "tests" / "data" / "example_truth.tsv").set_index("sample")


def mean_of(results, trait, model, metric):
    scores = read_table(results / trait / model / "scores.tsv")
    return scores.loc[scores["metric"] == metric, "value"].fillna(0).mean()


def figures(*names):
    """The files of a folder of figures."""
    return {"figures/captions.tsv"} | {
        f"figures/{it}.{end}" for it in names for end in ("svg", "png")
    }


def test_every_file_of_the_contract_is_there(results):
    expected = {"report.html", "summary.json", "manifest.json"}
    expected |= figures("structure", "ranks", "steps")
    expected |= {
        f"genotypes/{name}"
        for name in (
            *("codes.zarr", "codes.json", "dropped_markers.tsv", "dropped_samples.tsv"),
            *("duplicated_lines.tsv", "split_heterozygosity.tsv"),
            "split_heterozygosity_lines.tsv",
            "joined_markers.tsv",
            *("structure.tsv", "structure.json"),
        )
    }
    for trait in TRAITS:
        expected |= {
            f"{trait}/{name}"
            for name in (
                *("phenotypes.tsv", "labels.tsv", "dropped.tsv", "plan.tsv", "comparison.tsv"),
                *("response.tsv", "candidates.tsv", "association.parquet", "ensemble/weights.tsv"),
                *("intervals.tsv", "tested.parquet", "group_scores.tsv"),
                *("regions.tsv", "regions.csv", "regions.bed", "region_methods.tsv"),
            )
        }
        drawn = ("accuracy", "observed", "training", "manhattan", "quantiles", "saliency")
        expected |= {f"{trait}/{path}" for path in figures(*drawn)}
        for model in MODELS:
            expected |= {
                f"{trait}/{model}/{name}" for name in ("predictions.parquet", "scores.tsv")
            }
            if model != "ensemble":
                expected |= {
                    f"{trait}/{model}/{name}"
                    for name in (
                        *("history.parquet", "saliency.parquet", "facts.tsv"),
                        *("weights.safetensors", "run.json", "studies.tsv", "options.yaml"),
                    )
                }
    found = {
        path.relative_to(results).as_posix()
        for path in results.rglob("*")
        if ".zarr/" not in path.as_posix()
        and path.name != ".snakemake_timestamp"  # what Snakemake puts into a folder
        and (path.is_file() or path.suffix == ".zarr")
    }
    assert found == expected  # so the imported genotypes are gone, and nothing half-written is left

    compared = json.loads((results / "manifest.json").read_text())["results"]
    left_out = {path for path in found if path.endswith("/run.json") or "figures/" in path}
    assert compared.keys() == expected - left_out - {"report.html", "manifest.json"}
    assert not changed(results)


def test_a_second_run_does_nothing(example):
    again = example.run()
    assert again.status == 0
    assert "Nothing to be done" in again.output


@pytest.mark.parametrize("trait", TRAITS)
@pytest.mark.parametrize("model", [*NETWORKS, "gblup", "rkhs", "lightgbm", "ensemble"])
def test_every_model_beats_its_control(results, trait, model):
    real = mean_of(results, trait, model, "pearson")
    control = mean_of(results, trait, model, "control_pearson")
    assert real > control + 0.15
    assert real > 0.2
    assert abs(control) < 0.25


@pytest.mark.parametrize("trait", TRAITS)
def test_candidates_are_ranked_near_their_true_breeding_values(results, truth, trait):
    candidates = read_table(results / trait / "candidates.tsv")
    assert set(candidates["model"]) == set(MODELS)
    for model in ("gblup", "ensemble"):
        ranked = candidates[candidates["model"] == model].sort_values("rank")
        true = truth.loc[ranked["sample"], trait].to_numpy()
        towards = -1 if trait == "disease" else 1
        assert np.corrcoef(ranked["predicted"], true)[0, 1] > 0.4
        top = true[:10].mean() - true.mean()
        assert top * towards > 0, "the best ranked are better than the average candidate"


def test_nine_in_ten_true_values_lie_in_gblups_interval(results, truth):
    covered = []
    for trait in TRAITS:
        candidates = read_table(results / trait / "candidates.tsv")
        gblup = candidates[candidates["model"] == "gblup"]
        true = truth.loc[gblup["sample"], trait].to_numpy()
        covered += list((gblup["bv_lower"] <= true) & (true <= gblup["bv_upper"]))
    assert 0.8 < np.mean(covered) <= 0.99


def test_the_lines_that_are_left_out_are_named(results):
    dropped = read_table(results / "genotypes" / "dropped_samples.tsv")
    assert len(dropped) == 1
    markers = pd.read_csv(results / "genotypes" / "dropped_markers.tsv", sep="\t")
    assert len(markers) == 3
    for trait in TRAITS:
        reasons = read_table(results / trait / "dropped.tsv")["reason"]
        assert "not in the genotypes" in set(reasons)


def test_gblup_saliency_points_where_the_loci_are(results, repository):
    """Markers near the five large loci of height stand out against all others."""
    loci = pd.read_csv(repository / "tests" / "data" / "example_qtl.tsv", sep="\t")
    loci = loci[loci["trait"] == "height"]
    scan = read_parquet(results / "height" / "association.parquet")
    near = np.zeros(len(scan), dtype=bool)
    for locus in loci.itertuples():
        near |= (scan["contig"] == locus.contig) & (
            (scan["position"] - locus.position).abs() < 2_000_000
        )
    top = scan["p_value"].rank() <= 10
    assert near[top].mean() > 3 * near.mean()


def test_regions_that_methods_agree_on_hold_the_largest_loci(results, repository):
    """The three largest loci of height, within 2 Mb."""
    loci = pd.read_csv(repository / "tests" / "data" / "example_qtl.tsv", sep="\t")
    loci = loci[loci["trait"] == "height"]
    largest = loci.loc[loci["effect"].abs().nlargest(3).index]
    regions = read_table(results / "height" / "regions.tsv")
    agreed = regions[regions["named_by"] >= 2]
    for locus in largest.itertuples():
        near = (agreed["contig"] == locus.contig) & (agreed["first"] < locus.position + 2e6)
        assert (near & (agreed["last"] > locus.position - 2e6)).any()
