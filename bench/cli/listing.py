"""What there is: methods, and the settings of one. Apart from `summary`, whose tables take longer to import."""

import typer

from bench import registry
from bench.runs import presets


def print_methods() -> None:
    """Every method with its title and source; then what failed to import and why."""
    found, broken = registry.discover()
    wide = max(map(len, found), default=0)
    for name, detector in found.items():
        kind = " (trivial baseline)" if detector.info.baseline else ""
        typer.echo(f"{name:<{wide}}  {detector.info.title}{kind}; {detector.info.reference}")
    for one in broken:
        typer.echo(f"{one.source} failed to import: {one.reason}", err=True)


def print_method(name: str) -> None:
    """A method's settings: default, value in the cpu preset where it differs, description."""
    detector = registry.method(name)
    default = presets.flattened(detector.Config())
    described = presets.settings_of(detector.Config)
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
