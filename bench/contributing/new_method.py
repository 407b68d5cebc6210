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
    """Write methods/NAME.py and tests/methods/test_NAME.py of a checkout; gives both paths.

    Raises BenchError for a name that is taken or not like `my-method`, or without a checkout to write to.
    """
    root = root or Path(__file__).parents[2]
    if not NAME.fullmatch(name):
        raise BenchError(f"{name!r} should be lower-case words joined by hyphens, such as my-method.")
    if not (root / "pyproject.toml").exists():
        raise BenchError("bench is installed as a package here: work in a clone of its repository.")
    module = name.replace("-", "_")
    method, test = root / "methods" / f"{module}.py", root / "tests" / "methods" / f"test_{module}.py"
    taken = next((path for path in (method, test) if path.exists()), None)
    if taken or name in registry.methods():
        raise BenchError(f"There is a method {name!r} already{f' in {taken}' if taken else ''}: choose another name.")
    words = {
        "name": name,
        "module": module,
        "class_name": "".join(word.capitalize() for word in name.split("-")),
        "title": name.replace("-", " ").capitalize(),
    }
    for path, template in ((method, "method.py.txt"), (test, "test_method.py.txt")):
        text = files("bench.contributing").joinpath("templates", template).read_text(encoding="utf-8")
        write_text(path, Template(text).substitute(words))
    return method, test
