"""What is known of the methods in a report: their code's words, settings, the cards of their trained parts."""

import inspect
from collections.abc import Callable, Iterator, Sequence

from bench import registry
from bench.detector import Detector
from bench.errors import BenchError
from bench.results import RunResult
from bench.runs.presets import flattened
from bench.runs.store import CARD, Card, shipped_folder
from bench.runs.workspace import Workspace
from bench.settings import settings_of
from leaderboard.report.content import DatasetView, Entry, Facts, MethodEntry, MethodView, Setting
from leaderboard.row import Row
from leaderboard.sharing import without_folders

RunOf = Callable[[Row], RunResult]


def method_views(workspace: Workspace, run_of: RunOf, datasets: Sequence[DatasetView]) -> list[MethodView]:
    """Every method on the boards, in the order in which the boards name them."""
    found: dict[str, list[tuple[DatasetView, Entry]]] = {}
    for dataset in datasets:
        for entry in dataset.entries:
            found.setdefault(entry.any_row.method, []).append((dataset, entry))
    cards = list(_cards(workspace))
    return [_method_view(name, own, run_of, cards) for name, own in found.items()]


def _method_view(
    name: str, own: Sequence[tuple[DatasetView, Entry]], run_of: RunOf, cards: Sequence[tuple[str, Card]]
) -> MethodView:
    first = own[0][1].any_row
    detector = None if first.external else _detector(name)
    return MethodView(
        name=name,
        title=first.title,
        baseline=first.baseline,
        external=first.external,
        reference=detector.info.reference if detector else first.url or "",
        summary=_summary(detector) if detector else "",
        entries=[
            MethodEntry(
                dataset,
                entry,
                _settings(run_of(entry.any_row), detector),
                [_part(name, card) for name, card in cards if _belongs(card, run_of(entry.any_row))],
                _code(run_of(entry.any_row)),
            )
            for dataset, entry in own
        ],
    )


def _detector(name: str) -> type[Detector] | None:
    """The method's class; None where it is not installed here."""
    try:
        return registry.method(name)
    except BenchError:
        return None


def _summary(detector: type[Detector]) -> str:
    """The first paragraph of its docstring."""
    return " ".join((inspect.getdoc(detector) or "").split("\n\n")[0].split())


def _settings(run: RunResult, detector: type[Detector] | None) -> list[Setting]:
    described = settings_of(detector.Config) if detector else {}
    defaults = flattened(detector.Config()) if detector else {}
    return [
        Setting(key, _text(value), _text(defaults[key]) if key in defaults else "", described.get(key, ("", ""))[1])
        for key, value in run.config.items()
    ]


def _text(value: object) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _cards(workspace: Workspace) -> Iterator[tuple[str, Card]]:
    """Folder name and card of every trained part: the workspace's own, then those that came with the package."""
    for layer in (workspace.trained_parts, shipped_folder()):
        for file in sorted(layer.glob(f"*/{CARD}")) if layer else []:
            try:
                yield file.parent.name, Card.model_validate_json(file.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue  # a damaged part is no part of a report; the run that needs it says so


def cards_of(workspace: Workspace, run: RunResult) -> dict[str, Card]:
    """Name -> card of the trained parts that a run used; a number is put to a name that several have."""
    found: dict[str, Card] = {}
    for card in {card.key: card for _, card in _cards(workspace) if _belongs(card, run)}.values():
        same = sum(one.component == card.component for one in found.values())
        found[f"{card.component}-{same + 1}" if same else card.component] = card
    return found


def _belongs(card: Card, run: RunResult) -> bool:
    """Whether a part was trained with the settings of this run, on its dataset, with its seed."""
    if card.dataset != run.dataset or card.seed != run.seed:
        return False
    own = flattened(card.config)
    groups = {key.split(".")[0] for key in run.config if "." in key}
    inner = [{k.removeprefix(f"{one}."): v for k, v in run.config.items() if k.startswith(f"{one}.")} for one in groups]
    method = {k.removeprefix("method."): v for k, v in own.items() if k.startswith("method.")}
    return own in inner or bool(method and method == {k: run.config.get(k) for k in method})


def _part(folder: str, card: Card) -> tuple[str, Facts]:
    figures = {
        name.replace("_", " "): f"{value:.4g}" for name, value in card.figures.items() if " at step " not in name
    }
    return folder, {
        "trained on": f"{card.dataset} {card.training_fingerprint[:8]}, {', '.join(card.channels)}, seed {card.seed}",
        "took": f"{card.fit_s:.0f} s on {card.machine}, torch {card.torch}",
        "parameters": f"{card.parameters:,}",
        "kept as": card.precision,
        "version": str(card.version),
        **figures,
    }


def _code(run: RunResult) -> Facts:
    facts = {
        "evaluated": run.created,
        "by bench": f"{run.bench_version or 'unknown'} ({(run.git_commit or 'commit unknown')[:12]})",
        "maps made with": ", ".join(f"{name} {value[:12]}" for name, value in run.versions.items()),
        "device": run.device or "",
        "preset": run.preset or "",
        "seed": str(run.seed),
        "described at": run.url or "",
    }
    return {name: without_folders(value) for name, value in facts.items() if value}
