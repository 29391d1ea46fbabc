"""The figures as files for papers."""

import dataclasses
import struct
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from breedcast.report.gallery import overall_figures, trait_figures
from breedcast.report.markers import manhattan_figure, thresholds
from breedcast.report.paper import PIXELS_PER_INCH, POINTS, WIDTH, as_png, as_svg, write_figures
from tests.unit.small_report import TRAIT

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def figures(report):
    collected, _ = report
    config = collected.settings["config"]
    return trait_figures(collected.traits[0], config, POINTS) | overall_figures(collected, POINTS)


@pytest.fixture(scope="module")
def folder(figures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn") / "figures"
    write_figures(figures, folder)
    return folder


def png_chunks(data):
    """The chunks of a PNG by their names."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    found, at = {}, 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        found[data[at + 4 : at + 8]] = data[at + 8 : at + 8 + length]
        at += 12 + length
    return found


def test_every_figure_is_there_in_both_forms_with_its_caption(figures, folder):
    names = {"accuracy", "observed", "training", "manhattan", "quantiles", "saliency", "structure"}
    names |= {"steps", "crosses", "frontier", "learning"}  # what was asked for of the selection
    assert set(figures) == names  # of one trait no ranks
    expected = {f"{name}.{kind}" for name in names for kind in ("svg", "png")} | {"captions.tsv"}
    assert {path.name for path in folder.iterdir()} == expected
    captions = pd.read_csv(folder / "captions.tsv", sep="\t").set_index("figure")["caption"]
    assert captions.to_dict() == {name: figure.caption for name, figure in figures.items()}
    assert TRAIT in captions["manhattan"]


def test_an_svg_is_a_drawing_on_white_of_two_columns_width(figures, folder):
    for name in figures:
        drawing = ET.parse(folder / f"{name}.svg").getroot()  # noqa: S314  our own
        columns = 1 / 3 if name == "training" else 1  # one network, a small multiple of three
        assert 0.8 * WIDTH * columns < float(drawing.get("width")) <= WIDTH * columns + 1
        assert drawing.find(f"{SVG}rect").get("fill") == "white"
        words = {text.text for text in drawing.iter(f"{SVG}text")}
        assert len(words) > 2
        sizes = {text.get("font-size") for text in drawing.iter(f"{SVG}text")}
        assert sizes == {"11px"}
        kinds = {part.tag.removeprefix(SVG) for part in drawing.iter()}
        assert kinds <= {"svg", "rect", "g", "path", "text", "line"}  # nothing acts, nothing loads


def test_a_png_is_the_svg_at_300_pixels_an_inch(figures, folder):
    for name in figures:
        chunks = png_chunks((folder / f"{name}.png").read_bytes())
        width, _ = struct.unpack(">II", chunks[b"IHDR"][:8])
        per_metre = struct.unpack(">II", chunks[b"pHYs"][:8])
        assert per_metre == (round(PIXELS_PER_INCH / 0.0254),) * 2
        drawing = ET.parse(folder / f"{name}.svg").getroot()  # noqa: S314  our own
        assert width == pytest.approx(float(drawing.get("width")) / 96 * PIXELS_PER_INCH, abs=1)


def test_the_same_figures_are_the_same_bytes(figures, folder, tmp_path):
    again = tmp_path / "figures"
    write_figures(dict(reversed(figures.items())), again)  # whatever was drawn before
    for path in folder.iterdir():
        if path.name != "captions.tsv":
            assert (again / path.name).read_bytes() == path.read_bytes(), path.name


def test_of_a_hundred_thousand_markers_as_many_as_may_be_are_drawn(report):
    rng = np.random.default_rng(0)
    p = rng.uniform(size=100_000)
    association = pd.DataFrame(
        {
            "marker": np.arange(len(p)),
            "contig": np.repeat([f"</text><b>{number}" for number in range(10)], 10_000),
            "position": np.tile(np.arange(1, 10_001), 10),
            "id": "m",
            "effect": 1.0,
            "p_value": p,
            "q_value": stats.false_discovery_control(p),
        }
    )
    trait = report[0].traits[0]
    svg = as_svg(
        manhattan_figure(dataclasses.replace(trait, association=association), False, POINTS)
    )
    drawing = ET.fromstring(svg)  # noqa: S314  our own
    circles = [part for part in drawing.iter(f"{SVG}path") if "A" in part.get("d", "")]
    assert len(circles) == POINTS
    assert "</text><b>0" in {text.text for text in drawing.iter(f"{SVG}text")}
    assert as_png(svg).startswith(b"\x89PNG")


@pytest.mark.parametrize("planted", [0, 1, 7, 60])
def test_the_line_of_the_false_discovery_rate_parts_what_it_discovers(report, planted):
    """Against SciPy's Benjamini and Hochberg; with one discovery it is Bonferroni's."""
    rng = np.random.default_rng(planted)
    p = np.append(rng.uniform(1e-3, 1, 1000), 10 ** rng.uniform(-9, -6, planted))
    q = stats.false_discovery_control(p)
    association = pd.DataFrame({"p_value": np.append(p, np.nan), "q_value": np.append(q, np.nan)})
    lines = thresholds(association)
    assert lines[0].p_value == pytest.approx(0.05 / len(p))
    assert len(lines) == (2 if planted else 1)
    if planted:
        limit = lines[1].p_value
        assert limit >= lines[0].p_value
        np.testing.assert_array_equal(p <= limit, q <= 0.05)
