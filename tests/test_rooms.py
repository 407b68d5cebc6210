"""Who may import whom (docs/architecture.md), and that no two modules import each other in a circle."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("bench", "datasets", "methods", "metrics", "leaderboard")
    for path in sorted((ROOT / package).rglob("*.py"))
}
PORCH = {name for name in FILES if name.count(".") == 1 and name.startswith("bench.") and FILES[name].name[0] != "_"}
ALL = {"bench", "datasets", "methods", "metrics", "leaderboard"}
BELOW_DATA = ("errors", "files", "seeds", "settings", "reporting", "discovery", "cores", "blur")
ROOMS = {  # room -> what its modules may import: modules, or whole rooms
    "metrics": {"metrics"},
    "datasets": {
        "datasets",
        *(f"bench.{name}" for name in BELOW_DATA),
    },
    "methods": {"methods", "datasets.case", *PORCH},
    "leaderboard": {"leaderboard", "metrics", "datasets.case", "datasets.dataset", *PORCH},
    "bench.machine": {"bench.machine", *PORCH},
    "bench.runs": ALL,
    "bench.models": ALL,
    "bench.predicting": ALL,
    "bench.cluster": ALL,
    "bench.contributing": ALL,
    "bench.cli": ALL,
    "bench": {"datasets.case", *PORCH},  # the porch
}


def imports(name: str) -> Iterator[str]:
    """The modules of ours that a module imports, also inside functions and for type checking."""
    for node in ast.walk(ast.parse(FILES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in FILES)
        elif isinstance(node, ast.ImportFrom) and node.module in FILES:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (module if module in FILES else node.module for module in inner)


def room(name: str) -> str:
    return max((one for one in ROOMS if name == one or name.startswith(f"{one}.")), key=len)


@pytest.mark.parametrize("name", FILES)
def test_imports_only_what_its_room_may(name: str) -> None:
    if name in ("bench", "bench.__main__"):  # what Python and the shell see of it
        return
    allowed = ROOMS[room(name)]
    wrong = [one for one in imports(name) if not any(one == may or one.startswith(f"{may}.") for may in allowed)]
    command = [] if room(name) == "bench.cli" else [one for one in imports(name) if one.startswith("bench.cli")]
    assert not wrong + command


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {name: {one for one in imports(name) if one != name} for name in FILES}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle
