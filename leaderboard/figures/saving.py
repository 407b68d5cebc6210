"""Pictures on disk."""

from pathlib import Path
from typing import TYPE_CHECKING

from bench.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_figure(figure: "Figure", output: Path) -> list[Path]:
    """Write PNG and PDF beside each other, byte for byte the same for the same figure."""
    undated: dict[str, dict[str, None]] = {".png": {"Software": None}, ".pdf": {"CreationDate": None}}
    paths = [output.with_suffix(suffix) for suffix in undated]
    for path in paths:
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=200, metadata=undated[path.suffix])
    return paths
