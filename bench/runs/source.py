"""The code that makes a method's maps, as a hash: of its module and of what that imports from its own package."""

import ast
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.detector import Detector

KIND = "package:"  # before it came in, only the method's own file was hashed: 64 hex digits and nothing else


def source_hash(detector: type[Detector]) -> str:
    """A hash of the code behind a method.

    Args:
        detector: A method's class.

    Returns:
        "package:" and 64 hex digits over the method's module and all modules of the same top-level package that it
        imports, directly or through others; for ours that is `methods`, with its trained parts. Empty when the
        class was not defined in a file.
    """
    hasher = hashlib.sha256()
    sources = modules_behind(detector.__module__)
    for name, path in sorted(sources.items()):
        text = path.read_text(encoding="utf-8")
        hasher.update(f"{name}\n{len(text)}\n{text}".encode())
    return KIND + hasher.hexdigest() if sources else ""


def has_changed(before: str, now: str) -> bool:
    """Whether two hashes tell of different code; unknown ones and those of the old kind tell nothing."""
    return before.startswith(KIND) and now.startswith(KIND) and before != now


def modules_behind(name: str) -> dict[str, Path]:
    """Module name -> file, of a module and what it imports of its own top-level package. Nothing is executed."""
    found: dict[str, Path] = {}
    waiting = _with_packages(name)
    while waiting:
        module = waiting.pop()
        path = None if module in found else _file(module)
        if path is None:
            continue
        found[module] = path
        imported = _imported(ast.parse(path.read_text(encoding="utf-8")), module, path.name == "__init__.py")
        waiting += [one for target in imported for one in _with_packages(target) if one.split(".")[0] == _top(name)]
    return found


def _imported(tree: ast.Module, module: str, is_package: bool) -> Iterator[str]:
    """Full names of all that a module imports, wherever the statement stands; objects of modules are among them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                above = parts[: len(parts) - node.level + is_package]
                base = ".".join([*above, base] if base else above)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _with_packages(name: str) -> list[str]:
    """ "a.b.c" as ["a", "a.b", "a.b.c"]: importing a module imports the packages around it."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _top(name: str) -> str:
    return name.partition(".")[0]


def _file(name: str) -> Path | None:
    """The file of a module, found from its top-level package, which is imported already; None if there is none."""
    top = sys.modules.get(_top(name))
    places = getattr(top, "__path__", None)
    if places is None:  # a single file, or nothing that lies in files
        file = getattr(top, "__file__", None)
        return Path(file) if file and name == _top(name) else None
    for place in places:
        path = Path(place, *name.split(".")[1:])
        for candidate in (path / "__init__.py", path.with_suffix(".py")):
            if candidate.is_file():
                return candidate
    return None
