"""Coordinates against principal components, clusters against groups that are known."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score

from breedcast.errors import UserError
from breedcast.genotypes.distance import squared_distances
from breedcast.genotypes.filter import filter_genotypes
from breedcast.genotypes.store import read_codes
from breedcast.genotypes.structure import (
    find_structure,
    largest_first,
    principal_coordinates,
    ward_clusters,
)
from tests.unit.islands import family, islands, pairwise_complete, without_calls
from tests.unit.vcf_files import import_vcf


@pytest.fixture(scope="module")
def three_islands():
    return islands(3, 500, 120, seed=1)


@pytest.fixture(scope="module")
def real_codes(shared_data, tmp_path_factory):
    """A function that gives the filtered genotypes of a data set."""

    def read(name):
        folder = tmp_path_factory.mktemp(name)
        import_vcf(shared_data / name / "genotypes.vcf.gz", folder / "imported")
        filter_genotypes(
            folder / "imported",
            folder,
            min_maf=0.01,
            max_missing_marker=0.2,
            max_missing_line=0.5,
        )
        return read_codes(folder / "codes.zarr")

    return read


def test_without_missing_calls_the_coordinates_are_principal_component_scores(three_islands):
    codes, _ = three_islands
    found = find_structure(codes, 2, "auto", coordinates=6)
    shares = codes / 2 / np.sqrt(codes.shape[1])
    pca = PCA(6, svd_solver="full")
    scores = pca.fit_transform(shares)
    signs = np.sign((scores * found.coordinates).sum(axis=0))
    np.testing.assert_allclose(found.coordinates, scores * signs, atol=1e-5)
    np.testing.assert_allclose(found.shares, pca.explained_variance_ratio_, rtol=1e-4)


def test_the_coordinates_of_a_rectangle():
    """Corners of a rectangle of sides 4 and 2 lie at (+-2, +-1); shares are 4/5 and 1/5."""
    corners = np.array([[0, 0], [4, 0], [0, 2], [4, 2]], dtype=float)
    squared = ((corners[:, None] - corners[None]) ** 2).sum(axis=2)
    found, shares = principal_coordinates(squared, most=10)
    np.testing.assert_allclose(np.abs(found), [[2, 1]] * 4, atol=1e-12)
    np.testing.assert_allclose(shares, [0.8, 0.2])


def test_of_clusters_that_are_none_the_other_order_of_lines_makes_none(three_islands):
    """Names of clusters and signs of axes follow the order of the lines, and nothing else does."""
    codes, _ = three_islands
    one = find_structure(codes, 2, 4, coordinates=5)
    order = np.random.default_rng(0).permutation(len(codes))
    other = find_structure(codes[order], 2, 4, coordinates=5)
    assert adjusted_rand_score(one.clusters[order], other.clusters) == 1
    np.testing.assert_allclose(np.abs(one.coordinates[order]), np.abs(other.coordinates), atol=1e-4)
    again = find_structure(codes, 2, 4, coordinates=5)
    assert (again.coordinates == one.coordinates).all()


def test_clusters_are_numbered_by_size_and_then_by_their_first_line():
    assert largest_first(np.array([7, 3, 3, 9, 7, 4, 3])).tolist() == [2, 1, 1, 3, 2, 4, 1]


@pytest.mark.parametrize("count", [2, 3, 5])
def test_as_many_islands_are_found_as_there_are(count):
    codes, groups = islands(count, 500, 40 * count, seed=count)
    found = find_structure(codes, 2, "auto", coordinates=10)
    assert found.clusters.max() == count
    assert adjusted_rand_score(groups, found.clusters) > 0.95


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_where_nothing_is_clustered_there_is_one(seed):
    for codes in (islands(1, 10, 150, seed)[0], family(150, seed)):
        found = find_structure(codes, 2, "auto", coordinates=10)
        assert set(found.clusters) == {1}
        assert len(found.silhouettes) == 9


def test_a_number_that_is_given_is_taken(three_islands):
    codes, _ = three_islands
    found = find_structure(codes, 2, 7, coordinates=10)
    assert sorted(set(found.clusters)) == [1, 2, 3, 4, 5, 6, 7]
    assert found.facts()["clusters"] == 7
    with pytest.raises(UserError, match="structure: clusters: 121 clusters cannot be made of 120"):
        find_structure(codes, 2, 121, coordinates=10)


@pytest.mark.parametrize("lines", [1, 2, 3, 6])
def test_few_lines_and_clones_are_one_cluster(lines):
    clones = np.tile(np.array([0, 2, 1, 3], dtype=np.uint8), (lines, 1))
    found = find_structure(clones, 2, "auto", coordinates=3)
    assert found.clusters.tolist() == [1] * lines
    assert found.coordinates.shape == (lines, 0)
    assert found.table([f"L{line}" for line in range(lines)]).shape == (lines, 2)


def agreement(codes, ploidy, count, groups=None, distances=squared_distances):
    """Adjusted Rand index by the way calls were taken away: with the clusters of all calls, or
    with known groups.
    """
    if groups is None:
        points, _ = principal_coordinates(squared_distances(codes, ploidy), 10)
        groups = ward_clusters(points, [count])[count]
    found = {}
    for kind, left in without_calls(codes, ploidy, seed=0).items():
        points, _ = principal_coordinates(distances(left, ploidy), 10)
        found[kind] = adjusted_rand_score(groups, ward_clusters(points, [count])[count])
    return found


@pytest.mark.parametrize(("count", "generations"), [(3, 500), (5, 300)])
def test_islands_are_told_without_a_third_of_the_calls(count, generations):
    codes, groups = islands(count, generations, 60 * count, seed=generations)
    assert min(agreement(codes, 2, count, groups).values()) > 0.95
    plain = agreement(codes, 2, count, groups, pairwise_complete)
    assert plain["rare markers, half the lines"] < 0.5


@pytest.mark.parametrize(("name", "least"), [("wheat599", 0.9), ("maize281", 0.8)])
def test_the_two_clusters_of_real_lines_stay_without_a_third_of_the_calls(real_codes, name, least):
    genotypes = real_codes(name)
    found = agreement(genotypes.codes, genotypes.ploidy, 2)
    assert min(found.values()) > least, found


def test_groups_of_tetraploid_potatoes_are_as_near_without_a_third_of_the_calls(
    real_codes, shared_data
):
    """The publication's groups are no clusters of ours (index 0.4), with all calls or fewer."""
    genotypes = real_codes("potato4x")
    share = pd.read_csv(shared_data / "potato4x" / "groups.tsv", sep="\t", index_col="sample")
    share = share[share.index.isin(genotypes.samples)]
    codes, groups = genotypes.of(share.index.tolist()), share.to_numpy().argmax(axis=1)
    found = agreement(codes, 4, 4, groups)
    assert min(found.values()) > 0.2, found


def test_eight_families_of_soybean_are_as_near_without_a_third_of_the_calls(
    real_codes, shared_data
):
    """Families share a parent, so that clusters are not all families (index 0.4)."""
    genotypes = real_codes("soynam")
    family = pd.read_csv(shared_data / "soynam" / "families.tsv", sep="\t", dtype=str)
    family = family.dropna().set_index("sample")["family"]
    family = family[family.isin(sorted(family.unique(), key=int)[:8])]
    family = family[family.index.isin(genotypes.samples)][::2]
    found = agreement(genotypes.of(family.index.tolist()), 2, 8, family.factorize()[0])
    assert min(found["30 %"], found["0 to 60 % by line"]) > 0.25, found
