"""Pictures on disk."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import BenchError
from bench.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure


SUFFIXES = (".png", ".pdf", ".svg", ".csv", ".json")  # that an output path may bear already
UNDATED: dict[str, dict[str, None]] = {
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None},
    ".svg": {"Date": None},
}
# Text of an SVG stays text, and the ids in it are the same each time.
SVG = {"svg.fonttype": "none", "svg.hashsalt": "bench"}


def beside(output: Path, suffix: str) -> Path:
    """The output with this suffix instead of the one it bears; fig_v1.2 bears none. BenchError for a folder."""
    if output.is_dir() or not output.name:
        raise BenchError(f"{output} is a folder: name the picture to write into it, such as {output / 'figure'}.")
    stem = output.stem if output.suffix.lower() in SUFFIXES else output.name
    return output.with_name(stem + suffix)


def save_figure(figure: "Figure", output: Path) -> list[Path]:
    """Write PNG, PDF and SVG beside each other, byte for byte the same for the same figure."""
    from matplotlib import rc_context

    paths = [beside(output, suffix) for suffix in UNDATED]
    for path in paths:
        with atomic_path(path) as temporary, rc_context(SVG):
            figure.savefig(temporary, dpi=200, metadata=UNDATED[path.suffix])
    return paths


def svg_text(figure: "Figure") -> str:
    """The figure as an <svg> element, to stand in a page."""
    from matplotlib import rc_context

    text = io.StringIO()
    with rc_context(SVG):
        figure.savefig(text, format="svg", metadata=UNDATED[".svg"], transparent=True)
    return text.getvalue()[text.getvalue().index("<svg") :]
