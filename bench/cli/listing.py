"""What there is: methods, the settings of one, datasets, metrics, protocols. Each imports what it lists."""

from typing import TYPE_CHECKING

import typer

from bench import registry
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.runs.workspace import Workspace
    from metrics.protocol import Protocol


def print_methods() -> None:
    """Every method with its title and source; then what failed to import and why."""
    found, broken = registry.listing()
    wide = max(map(len, found), default=0)
    for name, method in found.items():
        kind = " (trivial baseline)" if method.info.baseline else ""
        typer.echo(f"{name:<{wide}}  {method.info.title}{kind}; {method.info.reference}")
    for one in broken:
        typer.echo(f"{one.source} failed to import: {one.reason}", err=True)


def print_datasets() -> None:
    """Every dataset with one line about it; then what failed to import and why."""
    from datasets.sources import DATASETS

    found, broken = DATASETS.discover()
    wide = max(map(len, found), default=0)
    for name, source in found.items():
        typer.echo(f"{name:<{wide}}  {source.DESCRIPTION}")
    for one in broken:
        typer.echo(f"{one.source} failed to import: {one.reason}", err=True)


def print_method(name: str) -> None:
    """A method's settings: default, value in the cpu preset where it differs, description."""
    from bench.runs import presets
    from bench.settings import settings_of

    detector = registry.method(name)
    default = presets.flattened(detector.Config())
    described = settings_of(detector.Config)
    by_preset = {
        preset: presets.flattened(presets.resolve({name: detector}, preset, None, [], [])[name])
        for preset in presets.PRESETS
    }
    typer.echo(f"{name}: {detector.info.title} ({detector.info.reference})")
    for key, (bounds, description) in described.items():
        value = default.get(key)
        others = [f"{preset}: {flat[key]}" for preset, flat in by_preset.items() if flat.get(key, value) != value]
        note = f" ({', '.join(others)})" if others else ""
        limits = f" [{bounds}]" if bounds else ""
        typer.echo(f"  {key} = {value}{note}{limits}  {description}")


def print_metrics() -> None:
    """Every metric with its unit, direction and description; then what failed to import and why."""
    from leaderboard.known_metrics import KNOWN
    from metrics.definitions.standard import METRICS

    found, broken = KNOWN.discover()
    ordered = dict.fromkeys((*(metric.name for metric in METRICS), *found))
    wide = max(map(len, ordered))
    for name in ordered:
        metric = found[name]
        facts = [metric.unit, f"{metric.direction} is better" if metric.direction else "", metric.description]
        asked_for = "" if metric in METRICS else " (with --metric)"
        typer.echo(f"{name:<{wide}}  {'; '.join(fact for fact in facts if fact)}{asked_for}")
    for one in broken:
        typer.echo(f"{one.source} failed to import: {one.reason}", err=True)


def print_protocols() -> None:
    """Every protocol with its threshold and a line about it."""
    from metrics.protocol import PROTOCOLS

    wide = max(len(one.name) for one in PROTOCOLS)
    for one in PROTOCOLS:
        typer.echo(f"{one.name:<{wide}}  version {one.version}; {_threshold(one)}")


def _threshold(protocol: "Protocol") -> str:
    """How a protocol finds its threshold, and whether that can be done without labels."""
    if protocol.false_positive_rate is not None:
        share = f"{100 * protocol.false_positive_rate:g} %"
        return f"one threshold for all cases, {share} of healthy brain voxels lie above it: can be deployed"
    cases = "each case" if protocol.per_case else "all cases together"
    measured = "the authors' code" if protocol.window_over == "array" else "the paper"
    return f"the best threshold for {cases}, measured as in {measured}: saw the ground truth, an upper bound"


def print_models(workspace: "Workspace") -> None:
    """Every model with what it takes and where it is from; then what cannot be read and why."""
    from bench.models.library import found_models

    found = found_models(workspace)
    if not found:
        typer.echo("There are no models here: `bench models export RUN` makes one of a run.")
    wide = max(map(len, found), default=0)
    for name, model in found.items():
        try:
            one = model.manifest
        except BenchError as problem:
            typer.echo(f"{name}: {problem}", err=True)
            continue
        what = f"{one.method} for {' and '.join(one.channels)}"
        facts = [what, f"learned from {one.cohort.learned_from}", one.licence, model.where]
        typer.echo(f"{name:<{wide}}  {'; '.join(facts)}")
