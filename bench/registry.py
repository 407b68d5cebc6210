"""Finding methods by name: modules of `methods/`, and other packages' entry points `bench.methods`.

Our own are listed from their source and imported when they are asked for, since some take seconds to import.
"""

import ast
import inspect
from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from typing_extensions import TypeIs

from bench.detector import Detector, MethodInfo
from bench.discovery import Broken, Kind, nearest
from bench.errors import BenchError, reason, shortened
from bench.interface import OLD_INTERFACE

__all__ = ["Broken", "Listed", "check_name", "discover", "listing", "method", "methods"]


@dataclass(frozen=True)
class Listed:
    """A method by name. source: its module and, from a plug-in that names one, ":" and its class."""

    info: MethodInfo
    source: str = field(compare=False)  # a plug-in may offer one method in two ways


def methods() -> dict[str, type[Detector]]:
    """All detectors by name, in alphabetical order; those that fail to import are left out.

    Raises:
        BenchError: two of them share a name.
    """
    return METHODS.all()


def method(name: str) -> type[Detector]:
    """The detector of that name.

    Raises:
        BenchError: there is none, and it names the nearest; or it fails to import.
    """
    source = check_name(name).source
    try:
        return dict(METHODS.members_of(source))[name]
    except Exception as error:
        raise BenchError(f"The method {name!r}, in {source}, fails to import: {reason(error)}") from error


def check_name(name: str) -> Listed:
    """What is known of the method of that name without importing it; BenchError, with the nearest, for none."""
    found, broken = listing()
    if name in found:
        return found[name]
    also = f" ({len(broken)} failed to import)" if broken else ""
    raise BenchError(f"There is no method {shortened(repr(name))}{also}{nearest(name, found)}")


def listing() -> tuple[dict[str, Listed], list[Broken]]:
    """All methods by name, ours read from their source and not imported; and the sources that fail.

    Raises:
        BenchError: two of them share a name.
    """
    return METHODS.gathered((*METHODS.modules(), *METHODS.plugins()), _listed)


def _listed(source: str) -> list[tuple[str, Listed]]:
    """What a module offers by its source where that says it all, otherwise by importing it."""
    infos = _infos_in(source) or [detector.info for _, detector in METHODS.members_of(source)]
    return [(info.name, Listed(info, source)) for info in infos]


def _infos_in(source: str) -> list[MethodInfo]:
    """Each `info = MethodInfo(...)` of a module of ours whose values are written out; [] if one is not, or of others.

    Others' modules are imported: where a package lies, and whether it is installed at all, is known by that alone.
    """
    spec = find_spec(source) if source.startswith(f"{METHODS.package}.") else None
    if spec is None or spec.origin is None:
        return []
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    calls = [call for node in tree.body if isinstance(node, ast.ClassDef) for call in _info_calls(node.body)]
    try:
        return [MethodInfo(**{str(one.arg): ast.literal_eval(one.value) for one in call.keywords}) for call in calls]
    except (TypeError, ValueError):
        return []


def _info_calls(body: Iterable[ast.stmt]) -> list[ast.Call]:
    """The right side of `info = MethodInfo(...)` among the statements of a class."""
    return [
        node.value
        for node in body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and [target.id for target in node.targets if isinstance(target, ast.Name)] == ["info"]
    ]


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
