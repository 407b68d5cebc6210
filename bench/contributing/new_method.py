"""`bench new-method`: a method file and its test from templates, ready to pass the contract."""

import builtins
import keyword
import re
import sys
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from string import Template

from bench import registry
from bench.errors import BenchError, shortened
from bench.files import write_text

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST_NAME = 60  # so that the names of folders made of it stay short enough for every disk
METHOD, TEST = "method.py.txt", "test_method.py.txt"


def write_method(name: str, root: Path | None = None) -> tuple[Path, Path]:
    """Write methods/NAME.py and tests/methods/test_NAME.py of a checkout.

    Args:
        name: of the method, such as my-method.
        root: the checkout; None for the one that this code lies in.

    Returns:
        Both paths.

    Raises:
        BenchError: the name is taken or none for a method (see `name_problem`), or there is no checkout to write to.
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
        BenchError: the name is taken or none for a method (see `name_problem`).
    """
    method, test = _write(name, folder, folder, prefix="")
    return method, test, f'[project.entry-points."bench.methods"]\n{name} = "{method.stem}"\n'


def _write(name: str, method_folder: Path, test_folder: Path, prefix: str) -> tuple[Path, Path]:
    """Fill in both templates; prefix: of the module's name when the test imports it."""
    module, class_name = name.replace("-", "_"), "".join(word.capitalize() for word in name.split("-"))
    method, test = method_folder / f"{module}.py", test_folder / f"test_{module}.py"
    if problem := name_problem(name, module, class_name):
        raise BenchError(f"{shortened(repr(name))} {problem}: choose another name, such as my-method.")
    taken = next((path for path in (method, method.with_suffix(""), test) if path.exists()), None)
    if taken or name in registry.listing()[0]:
        raise BenchError(f"There is a method {name!r} already{f' in {taken}' if taken else ''}: choose another name.")
    words = {
        "name": name,
        "module": prefix + module,
        "class_name": class_name,
        "title": name.replace("-", " ").capitalize(),
    }
    for path, template in ((method, METHOD), (test, TEST)):
        write_text(path, Template(_template(template)).substitute(words))
    return method, test


def name_problem(name: str, module: str, class_name: str) -> str | None:
    """Why a method cannot bear a name, as the end of a sentence; None when it can.

    module, class_name: what its file and class would be called.
    """
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        return f"should be lower-case words joined by hyphens, of at most {LONGEST_NAME} letters"
    if name == "all":
        return "is what --method takes for every method"
    if any(keyword.iskeyword(word) or word in dir(builtins) for word in (module, class_name)):
        return "is a word of Python itself"
    if module in sys.stdlib_module_names or find_spec(module) is not None:
        return "is the name of a package, which a module of that name would hide"
    if name.startswith("test") or module == "conftest":
        return "is what pytest takes for a test"
    if re.search(rf"import .*\b{class_name}\b", _template(METHOD)):
        return "gives a class whose name the file imports already"
    return None


def _template(name: str) -> str:
    return files("bench.contributing").joinpath("templates", name).read_text(encoding="utf-8")
