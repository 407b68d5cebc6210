"""Finding methods by name: modules of `methods/`, and other packages' entry points `bench.methods`."""

import inspect
from types import ModuleType
from typing import NoReturn

from typing_extensions import TypeIs

from bench.detector import Detector, MethodInfo
from bench.discovery import Broken, Kind
from bench.errors import BenchError
from bench.interface import OLD_INTERFACE

__all__ = ["Broken", "discover", "method", "methods"]


def methods() -> dict[str, type[Detector]]:
    """All detectors by name, in alphabetical order; those that fail to import are left out.

    Raises:
        BenchError: two of them share a name.
    """
    return METHODS.all()


def method(name: str) -> type[Detector]:
    """The detector of that name.

    Raises:
        BenchError: there is none; it names the nearest.
    """
    return METHODS.get(name)


def discover() -> tuple[dict[str, type[Detector]], list[Broken]]:
    """All detectors by name, and the modules and plug-ins that failed to import."""
    return METHODS.discover()


def register(detector: type) -> NoReturn:
    """The decorator of an older bench, kept to say so."""
    raise BenchError(f"{detector.__module__}.{detector.__qualname__} {OLD_INTERFACE}")


def _detectors(found: object) -> list[tuple[str, type[Detector]]]:
    """The detectors that a module defines, each with an `info` of its own, or the one an entry point names."""
    if isinstance(found, ModuleType):
        # What it imports is another module's; a subclass without an `info` of its own is a part of its parent.
        defined = (value for value in vars(found).values() if is_method(value) and value.__module__ == found.__name__)
        classes = list(dict.fromkeys(defined))
        what = f"{found.__name__} defines none"
    else:
        classes = [found] if is_method(found) else []
        what = f"{found!r} is none"
    for detector in classes:
        if not isinstance(getattr(detector, "info", None), MethodInfo):
            place = f"{detector.__module__}.{detector.__qualname__}"
            raise BenchError(f"{place} needs `info = MethodInfo(name=..., title=..., reference=...)`.")
    named = [(detector.info.name, detector) for detector in classes if "info" in vars(detector)]
    if not named:
        raise BenchError(f"A method is a class of Detector with fit, score and an `info` of its own, but {what}.")
    return named


def is_method(value: object) -> TypeIs[type[Detector]]:
    """Whether it is a detector that can be made, not one that others are to be made from."""
    return isinstance(value, type) and issubclass(value, Detector) and not inspect.isabstract(value)


METHODS = Kind("method", package="methods", group="bench.methods", members=_detectors)
