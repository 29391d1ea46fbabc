"""The report's figures as files for papers: SVG, and PNG of 300 pixels an inch, on white."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import vl_convert

from breedcast.files import whole, write_table
from breedcast.report.figures import Figure

#: Points that a figure may hold: more than on the page, which has to stay light.
POINTS = 5000
#: Width of a figure in pixels of CSS, 96 to the inch: 180 mm, two columns of a journal. Font
#: sizes are in the same pixels, so 11 is 8 points.
WIDTH = 680
#: What a small multiple needs beside its plot, for its axis and the gap to the next.
MARGIN = 62
PIXELS_PER_INCH = 300

_WORDS = {"labelColor": "black", "titleColor": "black", "titleFontWeight": "normal"}
_SIZES = {"labelFontSize": 11, "titleFontSize": 11}
CONFIG = {
    "background": "white",
    "aria": False,  # names for each point would double the files
    "font": "Liberation Sans",  # comes with vl-convert, so that files are the same everywhere
    "view": {"stroke": None},
    "axis": {**_WORDS, **_SIZES, "labelLimit": 140, "gridColor": "#e3e3e3"},
    "legend": {**_WORDS, **_SIZES, "orient": "top"},
    "header": {**_WORDS, **_SIZES},
    "text": {"color": "black"},
}


def write_figures(figures: Mapping[str, Figure], folder: Path) -> None:
    """Write each figure as NAME.svg and NAME.png, and all captions as captions.tsv."""
    with whole(folder) as unfinished:
        unfinished.mkdir()
        for name, figure in figures.items():
            svg = as_svg(figure)
            (unfinished / f"{name}.svg").write_text(svg, encoding="utf-8")
            (unfinished / f"{name}.png").write_bytes(as_png(svg))
        captions = [(name, figure.caption) for name, figure in figures.items()]
        write_table(
            pd.DataFrame(captions, columns=["figure", "caption"]), unfinished / "captions.tsv"
        )


def as_svg(figure: Figure) -> str:
    """The figure as SVG, WIDTH wide."""
    svg: str = vl_convert.vegalite_to_svg(_fitted(figure), config=CONFIG)
    return svg


def as_png(svg: str) -> bytes:
    """The same as PNG."""
    scale = 72 / 96  # the converter takes an inch for 72 pixels of the SVG
    png: bytes = vl_convert.svg_to_png(svg, scale=scale, ppi=PIXELS_PER_INCH)
    return png


def _fitted(figure: Figure) -> dict[str, Any]:
    """The figure's chart with a width in the place of that of the page."""
    spec = dict(figure.spec)
    if "facet" not in spec:
        return spec | {"width": WIDTH, "autosize": {"type": "fit-x", "contains": "padding"}}
    columns = spec["columns"]
    each = WIDTH // columns - MARGIN
    return spec | {"spec": {"height": min(each, 230), **spec["spec"], "width": each}}
