"""Finding methods: modules, entry points of packages elsewhere, mistakes in either."""

import sys
import tomllib
import types
from importlib.metadata import EntryPoint

import pytest

import methods
from bench import discovery, registry
from bench.contributing.contract import check_method
from bench.contributing.new_method import write_plugin
from bench.errors import BenchError

DETECTOR = """
import numpy as np
from bench.detector import Detector, FitContext, MethodConfig, MethodInfo
from methods.zscore import ZScore  # imported, not defined here

class Base(Detector):
    '''Abstract: has no score.'''
    def fit(self, context):
        pass

class Theirs(Base):
    info = MethodInfo(name="theirs", title="Theirs", reference="none")
    def score(self, case):
        return np.zeros(case.brain_mask.shape, np.float32)

class Part(Theirs):
    '''Has no info of its own.'''

Same = Theirs
"""

OLD_FIT = """
from bench.detector import Detector, MethodInfo

class Old(Detector):
    info = MethodInfo(name="old", title="Old", reference="none")
    def fit(self, train, validation, context):
        pass
    def score(self, case):
        pass
"""

OLD_REGISTER = """
from bench.registry import register
from bench.detector import Detector, MethodInfo

@register
class Old(Detector):
    info = MethodInfo(name="old", title="Old", reference="none")
    def fit(self, context):
        pass
    def score(self, case):
        pass
"""

OLD_COMPONENT = """
from bench.component import Component, ComponentConfig

class Old(Component[ComponentConfig]):
    name = "old"
    @classmethod
    def train(cls, config, train, validation, context, upstream):
        pass
"""


@pytest.fixture
def plugin(monkeypatch):
    """Install a fake package of this source with one entry point."""

    def install(source, value="plugin_package"):
        module = types.ModuleType("plugin_package")
        monkeypatch.setitem(sys.modules, "plugin_package", module)
        monkeypatch.setattr(discovery, "entry_points", lambda group: [EntryPoint("theirs", value, "bench.methods")])
        try:
            exec(source, vars(module))
        except Exception as error:
            monkeypatch.delitem(sys.modules, "plugin_package")
            monkeypatch.setattr(discovery, "_loaded", failing(value, error))
        return module

    def failing(value, error):
        loaded = discovery._loaded

        def load(asked):
            if asked == value:
                raise error
            return loaded(asked)

        return load

    return install


def broken_reason():
    """Why the plug-in is left out; all of ours are still there."""
    found, broken = registry.discover()
    assert "zscore" in found
    (one,) = broken
    assert one.source.startswith("theirs (plugin_package")
    return one.reason


def test_methods_of_this_repository_are_found_by_module():
    assert {"random", "zscore", "highpass", "ae", "spatial-msma"} <= set(registry.methods())


def test_the_listing_from_source_is_what_importing_gives():
    listed, broken = registry.listing()
    assert broken == [] and {name: one.info for name, one in listed.items()} == {
        name: detector.info for name, detector in registry.methods().items()
    }
    assert all(registry.method(name).__module__ == one.source for name, one in listed.items())


def test_an_info_that_is_not_written_out_is_found_by_importing(monkeypatch, tmp_path):
    source = DETECTOR.replace('title="Theirs"', 'title="Their" + "s"')
    (tmp_path / "computed.py").write_text(source)
    (tmp_path / "wrong.py").write_text("def (")
    monkeypatch.setattr(methods, "__path__", [str(tmp_path)])
    try:
        listed, (broken,) = registry.listing()
    finally:
        sys.modules.pop("methods.computed", None)
    assert listed["theirs"].info.title == "Theirs" and broken.source == "methods.wrong"


def test_a_method_that_fails_to_import_says_why(monkeypatch, tmp_path):
    (tmp_path / "lacking.py").write_text("import not_there\n" + DETECTOR)
    monkeypatch.setattr(methods, "__path__", [str(tmp_path)])
    with pytest.raises(BenchError, match=r"'theirs', in methods\.lacking, fails to import: .* named 'not_there'"):
        registry.method("theirs")


def test_a_module_gives_what_it_defines_with_an_info_of_its_own(plugin):
    module = plugin(DETECTOR)
    assert registry.method("theirs") is module.Theirs
    found, broken = registry.discover()
    assert broken == []
    assert {one for one in found.values() if one.__module__ == module.__name__} == {module.Theirs}


def test_an_entry_point_may_name_the_class(plugin):
    module = plugin(DETECTOR, "plugin_package:Theirs")
    assert registry.method("theirs") is module.Theirs


@pytest.mark.parametrize("value", ["plugin_package:Base", "plugin_package:np"])
def test_an_entry_point_that_names_no_method_is_told_what_one_is(plugin, value):
    plugin(DETECTOR, value)
    assert "class of Detector with fit, score and an `info` of its own" in broken_reason()


def test_a_method_without_info_is_told_to_have_one(plugin):
    plugin(DETECTOR.replace("info =", "about ="))
    assert "plugin_package.Theirs needs `info = MethodInfo(name=" in broken_reason()


def test_two_methods_of_one_name_are_an_error(plugin):
    plugin(DETECTOR.replace('name="theirs"', 'name="zscore"'))
    with pytest.raises(BenchError, match=r"named 'zscore', in methods\.zscore and theirs \(plugin_package\)"):
        registry.methods()


def test_unknown_name_answers_with_the_nearest():
    with pytest.raises(BenchError, match="did you mean 'zscore'"):
        registry.method("z-score")


def test_plugin_that_fails_to_import_is_listed_and_breaks_nothing(plugin):
    plugin("", "plugin_package_that_is_not_there:Method")
    found, broken = registry.discover()
    assert "zscore" in found
    assert "No module named 'plugin_package_that_is_not_there'" in broken[0].reason
    with pytest.raises(BenchError, match="1 failed to import"):
        registry.method("something")


@pytest.mark.parametrize("source", [OLD_FIT, OLD_REGISTER, OLD_COMPONENT])
def test_a_plugin_of_the_older_interface_is_told_what_to_change(plugin, source):
    plugin(source, "plugin_package:Old")
    reason = broken_reason()
    assert reason.startswith("plugin_package.Old is written for an older bench: take `@register` away")
    assert "`fit(self, context)`" in reason and "`train(cls, config, context, upstream)`" in reason


def test_a_package_elsewhere_adds_a_method_by_one_file_and_an_entry_point(tmp_path, monkeypatch):
    method, _, entry_point = write_plugin("far-away", tmp_path / "src")
    about = tmp_path / "src" / "scratch-0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: scratch\nVersion: 0.1\n")
    declared = tomllib.loads(entry_point)["project"]["entry-points"]["bench.methods"]
    (about / "entry_points.txt").write_text(f"[bench.methods]\nfar-away = {declared['far-away']}\n")
    monkeypatch.syspath_prepend(tmp_path / "src")
    try:
        found = registry.method("far-away")
        assert sys.modules[found.__module__].__file__ == str(method)
        assert [check for check in check_method(found) if check.problem] == []
    finally:
        sys.modules.pop("far_away", None)
    assert registry.discover()[1] == []
