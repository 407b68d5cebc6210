"""Which files a picture is written to."""

from pathlib import Path

import pytest

from bench.errors import BenchError
from leaderboard.figures.saving import beside


@pytest.mark.parametrize(
    ("output", "written"),
    [
        ("fig", "fig.png"),
        ("fig.pdf", "fig.png"),
        ("fig.PNG", "fig.png"),
        ("fig_v1.2", "fig_v1.2.png"),
        ("fig_v1.3.svg", "fig_v1.3.png"),
    ],
)
def test_only_suffixes_of_pictures_are_replaced(output, written):
    assert beside(Path(output), ".png") == Path(written)


@pytest.mark.parametrize("output", [".", "/", ".."])
def test_a_folder_is_refused(output):
    with pytest.raises(BenchError, match="is a folder: name the picture"):
        beside(Path(output), ".png")
