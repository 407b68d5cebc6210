"""Figures of one board, by kind."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.errors import BenchError
from bench.reporting import Reporter
from bench.results import RunResult
from bench.runs.datasets import reopened_dataset
from bench.runs.froc import froc_curves
from bench.runs.workspace import Workspace
from datasets.dataset import Dataset
from leaderboard.colours import Style, row_styles
from leaderboard.figures.differences import differences, draw_differences
from leaderboard.figures.froc import save_froc
from leaderboard.figures.intervals import draw_intervals
from leaderboard.figures.lesion_volume import save_sensitivity, sensitivities
from leaderboard.figures.maps import draw_cases, map_folders
from leaderboard.figures.ranks import draw_ranks
from leaderboard.figures.saving import beside, save_figure
from leaderboard.figures.style import entitle, panels, what_is_shown
from leaderboard.figures.tradeoff import draw_tradeoff, runtime_s
from leaderboard.ranking import place_draws
from leaderboard.row import Row
from leaderboard.selection import BoardChoice
from leaderboard.table import Table
from metrics.protocol import protocol


@dataclass(frozen=True)
class Drawing:
    """A board to draw.

    Args:
        workspace: Where its maps and dataset are.
        runs: run.json -> the run, of all boards.
        table: The board.
        reporter: Where progress goes.
        count: How many cases the figure of maps shows.
        seed: Draws these cases; the first ones if None.
    """

    workspace: Workspace
    runs: Mapping[Path, RunResult]
    table: Table
    reporter: Reporter
    count: int = 4
    seed: int | None = None

    def draw(self, kind: str, output: Path) -> list[Path]:
        """Draw one kind; gives the files. BenchError when the board has nothing to draw of it."""
        return self._kinds[kind](output)

    def draw_all(self, output: Path) -> list[Path]:
        """Draw every kind to OUTPUT-<kind>; what the board has nothing of is said and left out."""
        paths: list[Path] = []
        stem = beside(output, "")
        for kind in self._kinds:
            try:
                paths += self.draw(kind, stem.with_name(f"{stem.name}-{kind}"))
            except BenchError as problem:
                self.reporter.say(f"{kind} is left out: {problem}")
        return paths

    @property
    def _kinds(self) -> dict[str, Callable[[Path], list[Path]]]:
        return {
            "maps": self._maps,
            "metrics": self._metrics,
            "ranks": self._ranks,
            "differences": self._differences,
            "tradeoff": self._tradeoff,
            "lesion-volume": self._lesion_volume,
            "froc": self._froc,
        }

    @cached_property
    def _dataset(self) -> Dataset:
        place = self.workspace.dataset(self.table.dataset, self.table.dataset_fingerprint)
        return reopened_dataset(self.workspace, place)

    @cached_property
    def _folders(self) -> dict[str, Path]:
        return map_folders(list(self.runs), self.table)

    @cached_property
    def _styles(self) -> dict[str, Style]:
        return row_styles(self.table.rows)

    @property
    def _title(self) -> str:
        return what_is_shown(self.table)

    def _measured(self) -> Sequence[Row]:
        rows = [row for row in self.table.rows if row.n]
        if not rows:
            raise BenchError("No run of this board has a scored case: run it to the end first.")
        return rows

    def _ranked(self) -> Sequence[Row]:
        rows = [row for row in self.table.rows if row.place is not None]
        if len(rows) < 2:
            raise BenchError("Fewer than two runs of this board are ranked: places and differences need two.")
        return rows

    def _maps(self, output: Path) -> list[Path]:
        return draw_cases(self._dataset, self._folders, output, self.count, self.seed, self._title)

    def _metrics(self, output: Path) -> list[Path]:
        rows = self._measured()
        figure, all_axes = panels(len(self.table.metrics))
        for axes, metric in zip(all_axes, self.table.metrics, strict=True):
            draw_intervals(axes, rows, metric, self._styles)
        entitle(figure, self._title)
        return save_figure(figure, output)

    def _ranks(self, output: Path) -> list[Path]:
        rows = self._ranked()
        figure, (axes,) = panels(1, size_in=(4.4, 3.2))
        draw_ranks(axes, rows, place_draws(rows, self.table.metrics), self._styles)
        entitle(figure, self._title)
        return save_figure(figure, output)

    def _differences(self, output: Path) -> list[Path]:
        rows = self._ranked()
        figure, all_axes = panels(len(self.table.metrics))
        for axes, metric in zip(all_axes, self.table.metrics, strict=True):
            found = differences(rows, rows[0], metric)
            draw_differences(axes, rows, rows[0], metric, self._styles, found)
        entitle(figure, self._title)
        return save_figure(figure, output)

    def _tradeoff(self, output: Path) -> list[Path]:
        rows = [row for row in self._measured() if runtime_s(row) is not None]
        if not rows:
            raise BenchError("No run of this board knows what scoring took.")
        figure, all_axes = panels(len(self.table.metrics))
        for axes, metric in zip(all_axes, self.table.metrics, strict=True):
            draw_tradeoff(axes, rows, metric, self._styles)
        figure.legend(
            *all_axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=7, frameon=False
        )
        entitle(figure, self._title)
        return save_figure(figure, output)

    def _lesion_volume(self, output: Path) -> list[Path]:
        choice = BoardChoice(self.table.dataset, self.table.dataset_fingerprint, self.table.protocol_hash)
        bins = sensitivities(list(self.runs.values()), choice)
        return save_sensitivity(self.table.rows, bins, output, self._styles, self._title)

    def _froc(self, output: Path) -> list[Path]:
        chosen = protocol(self.table.protocol.partition("@")[0])
        curves = froc_curves(self._dataset, self._folders, chosen, self.reporter)
        return save_froc(self.table.rows, curves, output, self._styles, self._title)
