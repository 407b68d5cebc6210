"""`bench new-method`: a method file and its test from templates, ready to pass the contract."""

import re
from importlib.resources import files
from pathlib import Path
from string import Template

from bench import registry
from bench.errors import BenchError
from bench.files import write_text

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def write_method(name: str, root: Path | None = None) -> tuple[Path, Path]:
    """Write methods/NAME.py and tests/methods/test_NAME.py of a checkout.

    Args:
        name: of the method, such as my-method.
        root: the checkout; None for the one that this code lies in.

    Returns:
        Both paths.

    Raises:
        BenchError: the name is taken or not like `my-method`, or there is no checkout to write to.
    """
    root = root or Path(__file__).parents[2]
    if not (root / "pyproject.toml").exists():
        raise BenchError(
            "bench is installed as a package here: work in a clone of its repository, or name a folder of your own "
            "package by --package."
        )
    return _write(name, root / "methods", root / "tests" / "methods", prefix="methods.")


def write_plugin(name: str, folder: Path) -> tuple[Path, Path, str]:
    """Write NAME.py and test_NAME.py of a package of one's own.

    Args:
        name: of the method, such as my-method.
        folder: where Python finds the package's modules, such as its `src`.

    Returns:
        Both paths, and the lines of its pyproject.toml by which `bench` finds the method once it is installed.

    Raises:
        BenchError: the name is taken or not like `my-method`.
    """
    method, test = _write(name, folder, folder, prefix="")
    return method, test, f'[project.entry-points."bench.methods"]\n{name} = "{method.stem}"\n'


def _write(name: str, method_folder: Path, test_folder: Path, prefix: str) -> tuple[Path, Path]:
    """Fill in both templates; prefix: of the module's name when the test imports it."""
    if not NAME.fullmatch(name):
        raise BenchError(f"{name!r} should be lower-case words joined by hyphens, such as my-method.")
    module = name.replace("-", "_")
    method, test = method_folder / f"{module}.py", test_folder / f"test_{module}.py"
    taken = next((path for path in (method, test) if path.exists()), None)
    if taken or name in registry.methods():
        raise BenchError(f"There is a method {name!r} already{f' in {taken}' if taken else ''}: choose another name.")
    words = {
        "name": name,
        "module": prefix + module,
        "class_name": "".join(word.capitalize() for word in name.split("-")),
        "title": name.replace("-", " ").capitalize(),
    }
    for path, template in ((method, "method.py.txt"), (test, "test_method.py.txt")):
        text = files("bench.contributing").joinpath("templates", template).read_text(encoding="utf-8")
        write_text(path, Template(text).substitute(words))
    return method, test
