"""Other packages called `datasets` or `metrics`."""

import pytest

from bench.errors import BenchError
from bench.machine import shadow


def test_our_own_packages_are_in_place():
    shadow.check_packages()


def test_a_package_from_elsewhere_is_named(tmp_path, monkeypatch):
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "datasets")
    with pytest.raises(BenchError, match=rf"own package 'datasets', but {tmp_path}/datasets hides it"):
        shadow.check_packages()


def test_an_installed_package_of_the_same_name_is_named(monkeypatch):
    class Installed:
        version = "3.0"

    monkeypatch.setattr(shadow, "distribution", lambda name: Installed())
    with pytest.raises(BenchError, match=r"'datasets' 3\.0 shares its name"):
        shadow.check_packages()
