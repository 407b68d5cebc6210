"""Pictures on disk."""

from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import BenchError
from bench.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure


SUFFIXES = (".png", ".pdf", ".svg", ".csv", ".json")  # that an output path may bear already


def beside(output: Path, suffix: str) -> Path:
    """The output with this suffix instead of the one it bears; fig_v1.2 bears none. BenchError for a folder."""
    if output.is_dir() or not output.name:
        raise BenchError(f"{output} is a folder: name the picture to write into it, such as {output / 'figure'}.")
    stem = output.stem if output.suffix.lower() in SUFFIXES else output.name
    return output.with_name(stem + suffix)


def save_figure(figure: "Figure", output: Path) -> list[Path]:
    """Write PNG and PDF beside each other, byte for byte the same for the same figure."""
    undated: dict[str, dict[str, None]] = {".png": {"Software": None}, ".pdf": {"CreationDate": None}}
    paths = [beside(output, suffix) for suffix in undated]
    for path in paths:
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=200, metadata=undated[path.suffix])
    return paths
