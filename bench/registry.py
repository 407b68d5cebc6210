"""Finding methods by name: modules of `methods/`, and other packages' entry points `bench.methods`."""

import difflib
import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from types import ModuleType
from typing import TypeVar

from bench.detector import Detector, MethodInfo
from bench.errors import BenchError

ENTRY_POINT_GROUP = "bench.methods"

DetectorT = TypeVar("DetectorT", bound=type[Detector])


@dataclass(frozen=True)
class Broken:
    """A module or plug-in that could not be imported, and why in one line."""

    source: str
    reason: str


def register(detector: DetectorT) -> DetectorT:
    """Class decorator: lets `bench` find a detector by its `info.name`. The class itself is left as it is."""
    if not isinstance(getattr(detector, "info", None), MethodInfo):
        raise TypeError(f"{detector.__name__} needs `info = MethodInfo(name=..., title=..., reference=...)`")
    detector._registered = detector.__name__  # type: ignore[attr-defined]
    return detector


def methods() -> dict[str, type[Detector]]:
    """All registered detectors by name, in alphabetical order; those that fail to import are left out.

    Raises BenchError when two of them share a name.
    """
    return discover()[0]


def method(name: str) -> type[Detector]:
    """The detector of that name; raises BenchError with the nearest name when there is none."""
    found, broken = discover()
    if name in found:
        return found[name]
    nearest = difflib.get_close_matches(name, found, n=1)
    hint = f"did you mean {nearest[0]!r}" if nearest else f"there are {', '.join(found)}"
    also = f"; {len(broken)} failed to import, see `bench methods`" if broken else ""
    raise BenchError(f"There is no method {name!r}: {hint}{also}.")


def discover() -> tuple[dict[str, type[Detector]], list[Broken]]:
    """Import every module of `methods/` and every plug-in; one that fails is listed and breaks nothing else."""
    found: dict[str, type[Detector]] = {}
    broken: list[Broken] = []
    for source, value in _sources():
        try:
            detectors = _detectors(_load(value))
        except Exception as error:
            reason = " ".join(str(error).split())
            broken.append(Broken(source, f"{type(error).__name__}: {reason}"))
            continue
        for detector in detectors:
            name = detector.info.name
            other = found.setdefault(name, detector)
            if other is not detector:
                places = f"{other.__module__}.{other.__name__} and {detector.__module__}.{detector.__name__}"
                raise BenchError(f"Two methods are named {name!r}, {places}: rename or uninstall one of them.")
    return dict(sorted(found.items())), broken


def _sources() -> Iterator[tuple[str, str]]:
    """What to import, as (its name for people, "package.module" or "package.module:Class")."""
    import methods as package

    for module in pkgutil.iter_modules(package.__path__, "methods."):
        yield module.name, module.name
    for point in entry_points(group=ENTRY_POINT_GROUP):
        yield f"{point.name} ({point.value})", point.value


def _load(value: str) -> object:
    module, _, attribute = value.partition(":")
    found = importlib.import_module(module)
    return getattr(found, attribute) if attribute else found


def _detectors(found: object) -> list[type[Detector]]:
    """The registered detectors that a module defines, or the one that an entry point names."""
    candidates = vars(found).values() if isinstance(found, ModuleType) else [found]
    detectors = [c for c in candidates if isinstance(c, type) and issubclass(c, Detector)]
    if not isinstance(found, ModuleType):
        if not detectors:
            raise TypeError(f"{found!r} is not a Detector class")
        return detectors
    # The mark is looked up in the class itself, so that a subclass is not registered by its parent's mark.
    return [d for d in detectors if "_registered" in vars(d) and d.__module__ == found.__name__]
