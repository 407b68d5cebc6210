"""What MLflow shows of a run beside numbers: tables, figures, pages, maps, and curves of its trained parts and of the
machine; without subjects' ids."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bench.machine.usage import Sample
from bench.reporting import SilentReporter
from bench.results import RunResult
from bench.runs.report import Sources, make_report
from bench.runs.store import Card
from bench.runs.workspace import RunLayout, Workspace
from leaderboard.boards import lesion_set
from leaderboard.colours import row_styles
from leaderboard.figures.intervals import draw_intervals
from leaderboard.figures.lesion_volume import draw_sensitivity, sensitivities
from leaderboard.figures.style import entitle, panels, what_is_shown
from leaderboard.format import View
from leaderboard.render import render
from leaderboard.report.site import write_report
from leaderboard.selection import BoardChoice
from leaderboard.sharing import without_folders
from leaderboard.table import build_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AT_STEP = re.compile(r"(.*?) at step (\d+)")
NO_METRIC_NAME = re.compile(r"[^\w\-. /]")
MOST_MAPS_MB = 100.0
MOST_SAMPLES = 300  # of how busy the machine was


def numbered(run: RunResult) -> dict[str, str]:
    """Id of each case -> case-1, case-2, ..."""
    ids = sorted({case.id for case in run.cases} | run.failed_cases.keys())
    return {one: f"case-{number}" for number, one in enumerate(ids, 1)}


def without_subjects(run: RunResult) -> RunResult:
    """The same run whose cases are called case-1, case-2, ..., also in the sentences on those that failed."""
    names = numbered(run)

    def renamed(text: str) -> str:
        for one in sorted(names, key=len, reverse=True):  # sub-10 before sub-1
            text = text.replace(one, names[one])
        return without_folders(text)

    return run.model_copy(
        update={
            "cases": [case.model_copy(update={"id": names[case.id]}) for case in run.cases],
            "failed_cases": {names[one]: renamed(why) for one, why in run.failed_cases.items()},
            "error": renamed(run.error) if run.error else run.error,
            "dataset_description": {key: renamed(value) for key, value in run.dataset_description.items()},
        }
    )


def tables(run: RunResult) -> dict[str, str]:
    """Name of a file -> the run's row of the board, with statistics and costs."""
    table = build_table([run])
    view = View(statistics=True, costs=True)
    return {"table.md": render(table, "markdown", view), "table.html": render(table, "html", view)}


def figures(run: RunResult) -> "Iterator[tuple[str, Figure]]":
    """Name of a file and figure: each metric with its cases; lesions found by their volume, where there are any."""
    table = build_table([run])
    styles = row_styles(table.rows)
    title = what_is_shown(table)
    figure, all_axes = panels(len(table.metrics))
    for axes, metric in zip(all_axes, table.metrics, strict=True):
        draw_intervals(axes, table.rows, metric, styles)
    entitle(figure, title)
    yield "metrics.png", figure
    if any(case.lesions for case in run.cases):
        figure, (axes,) = panels(1, size_in=(5.6, 3.4))
        draw_sensitivity(axes, table.rows, sensitivities([run]), styles)
        entitle(figure, title)
        yield "lesion-volume.png", figure


def write_page(run: RunResult, workspace: Workspace, file: Path) -> None:
    """The pages of a report on this run alone in one file, without what takes maps: cases and free-response ROC."""
    sources = Sources(workspace, {file: run}, SilentReporter(), images=False)
    write_report(make_report(sources, BoardChoice()), file, single_file=True)


def maps(run: RunResult, run_folder: RunLayout, subject_ids: bool) -> dict[str, Path]:
    """Name -> file of the first maps that are no larger than 100 MB together; cases are numbered unless named."""
    names = numbered(run)
    found: dict[str, Path] = {}
    megabytes = 0.0
    for case in run.cases:
        file = run_folder.map_path(case.id)
        megabytes += file.stat().st_size / 1e6 if file.exists() else 0.0
        if megabytes > MOST_MAPS_MB:
            break
        if file.exists():
            found[file.name if subject_ids else f"{names[case.id]}_anomaly.nii.gz"] = file
    return found


def usage(samples: list[Sample]) -> list[tuple[str, float, int, int]]:
    """(metric, value, milliseconds since 1970, step) of a run's machine, evenly thinned; a step is a second of the run.

    MLflow shows as system metrics what is called system/...
    """
    thinned = samples[:: -(-len(samples) // MOST_SAMPLES) or 1]
    return [
        (f"system/{name}", value, round(1000 * one["time_s"]), round(one["time_s"] - samples[0]["time_s"]))
        for one in thinned
        for name, value in one.items()
        if name != "time_s"
    ]


def curves(cards: Mapping[str, Card]) -> list[tuple[str, float, int]]:
    """(metric, value, step) of trained parts: the training's curve where the card holds one, then its other figures."""
    found = []
    for part, card in cards.items():
        for name, value in card.figures.items():
            stepped = AT_STEP.fullmatch(name)
            words, step = (stepped[1], int(stepped[2])) if stepped else (name, 0)
            found.append((NO_METRIC_NAME.sub("-", f"{part}/{words}".replace(" ", "_")), value, step))
        found.append((f"{part}/fit_s", card.fit_s, 0))
    return found


def dataset_facts(run: RunResult) -> dict[str, str]:
    """What MLflow keeps of a dataset: its name, digest and where it comes from, without folders."""
    words = [run.dataset, lesion_set(run.dataset_description)]
    return {
        "name": " ".join(word for word in words if word),
        "digest": run.dataset_fingerprint[:16],
        "source": without_folders("; ".join(f"{key}: {value}" for key, value in run.dataset_description.items())),
    }
