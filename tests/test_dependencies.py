"""pyproject.toml declares what the code imports, and nothing else."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = {"bench", "benchmarks", "datasets", "leaderboard", "methods", "metrics", "tests"}
PACKAGES = ["bench", "datasets", "leaderboard", "methods", "metrics"]

# Where a distribution's name is not the name that is imported.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "cc3d": "connected-components-3d",
    "cluster": "ray",
    "lightning": "lightning-fabric",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
# Used without being imported: programs, their plug-ins, and stubs of types.
TOOLS = {
    "ipykernel",
    "bids-validator-deno",
    "mypy",
    "pandas-stubs",
    "pytest-cov",
    "pytest-xdist",
    "ruff",
    "types-pyyaml",
}

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def names(requirements: list[str]) -> set[str]:
    """Names of distributions, as package indexes write them, without those of our own extras."""
    found = {re.split(r"[\[<>=!~; ]", requirement)[0].lower().replace("_", "-") for requirement in requirements}
    return found - {PROJECT["name"]}


REQUIRED = names(PROJECT["dependencies"])
EXTRAS = {extra: names(requirements) for extra, requirements in PROJECT["optional-dependencies"].items()}
OPTIONAL = set().union(*(EXTRAS[extra] for extra in EXTRAS if extra not in ("test", "docs")))


def imports(folder: str) -> Iterator[tuple[str, str, bool]]:
    """Every import of another's distribution: its name, the place, whether it happens when the module is imported."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        inside = {id(node) for outer in ast.walk(tree) if _delays(outer) for node in ast.walk(outer)}
        for node in ast.walk(tree):
            for module in _modules(node):
                top = module.split(".")[0]
                if top not in OURS and top not in sys.stdlib_module_names:
                    place = f"{path.relative_to(ROOT)}:{node.lineno}"  # type: ignore[attr-defined]
                    yield DISTRIBUTIONS.get(top, top.lower().replace("_", "-")), place, id(node) not in inside


def _delays(node: ast.AST) -> bool:
    """Whether imports in here do not happen when the module is imported: functions, and `if TYPE_CHECKING:`."""
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module and node.level == 0 else []


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_are_declared(package):
    undeclared = [f"{place} imports {name}" for name, place, _ in imports(package) if name not in REQUIRED | OPTIONAL]
    assert undeclared == []


@pytest.mark.parametrize("package", PACKAGES)
def test_extras_are_imported_inside_functions_only(package):
    eager = [f"{place} imports {name}" for name, place, at_import in imports(package) if at_import and name in OPTIONAL]
    assert eager == []


def test_declared_dependencies_are_imported():
    used = {name for package in PACKAGES for name, _, _ in imports(package)}
    assert sorted((REQUIRED | OPTIONAL) - used) == []


def test_test_extra_is_what_tests_and_benchmarks_import():
    used = {name for folder in ("tests", "benchmarks") for name, _, _ in imports(folder)}
    assert sorted(used - REQUIRED - OPTIONAL - EXTRAS["test"]) == []
    assert sorted(EXTRAS["test"] - used - TOOLS) == []


def test_constraints_pin_what_is_declared():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = names([line for line in lines if line and not line.startswith("#")])
    assert sorted(set().union(REQUIRED, *EXTRAS.values()) - pinned) == []
