"""The hash of the code behind a method: its own file and what it is made of, and no other method's."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.detector import Detector
from bench.runs.source import has_changed, modules_behind, source_hash
from methods.random import Random
from methods.spatial_msma import SpatialMSMA

FILES = {
    "__init__.py": "",
    "ours.py": "from bench.detector import Detector\nfrom .parts import blur\nclass Ours(Detector): ...\n",
    "theirs.py": "from scratch_methods.parts import blur\n",
    "parts/__init__.py": "",
    "parts/blur.py": "def f():\n    from scratch_methods.parts import deep\n",
    "parts/deep.py": "from .. import parts\n",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A plug-in of a method, another method, and parts of which one is imported inside a function."""
    folder = tmp_path / "scratch_methods"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.startswith("scratch_methods")]:
        del sys.modules[name]


def ours() -> type[Detector]:
    found: type[Detector] = importlib.import_module("scratch_methods.ours").Ours
    return found


def test_an_edit_of_any_part_is_seen_and_one_of_another_method_is_not(package: Path) -> None:
    hashes = [source_hash(ours())]
    for name in ("ours.py", "parts/blur.py", "parts/deep.py", "parts/__init__.py"):
        (package / name).write_text((package / name).read_text() + "# edited\n")
        hashes.append(source_hash(ours()))
    assert len(set(hashes)) == 5 and all(has_changed(hashes[0], later) for later in hashes[1:])
    (package / "theirs.py").write_text("# edited\n")
    assert source_hash(ours()) == hashes[-1]


def test_parts_of_our_methods_are_behind_them() -> None:
    behind = modules_behind(SpatialMSMA.__module__)
    assert {"methods.spatial_msma", "methods.msma.patch_density", "methods.diffusion.network"} <= behind.keys()
    assert not {"methods.zscore", "methods.random"} & behind.keys()
    assert all(name.split(".")[0] == "methods" and path.exists() for name, path in behind.items())
    assert set(modules_behind(Random.__module__)) == {"methods", "methods.random"}


def test_unknown_code_and_hashes_of_one_file_say_nothing() -> None:
    now = source_hash(Random)
    assert not has_changed("", now) and not has_changed("ab" * 32, now) and not has_changed(now, "")
    assert has_changed("package:ab", now) and not has_changed(now, now)


def test_a_class_that_is_in_no_file_has_no_hash() -> None:
    made = type("Made", (Detector,), {"__module__": "nowhere"})
    assert source_hash(made) == ""
