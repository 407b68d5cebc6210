"""Finding methods: modules, entry points, mistakes in either."""

import sys
import types
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from bench import registry
from bench.detector import Detector, MethodInfo
from bench.errors import BenchError


def make_detector(name, module):
    def fit(self, context):
        pass

    def score(self, case):
        return np.zeros(case.brain_mask.shape, np.float32)

    info = MethodInfo(name=name, title=name, reference="none")
    return registry.register(
        type("Found", (Detector,), {"info": info, "fit": fit, "score": score, "__module__": module})
    )


@pytest.fixture
def plugin(monkeypatch):
    """Install a fake package with one entry point, holding what `fill` puts into its module."""

    def install(value="plugin_package", **content):
        module = types.ModuleType("plugin_package")
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, "plugin_package", module)
        point = EntryPoint("theirs", value, registry.ENTRY_POINT_GROUP)
        monkeypatch.setattr(registry, "entry_points", lambda group: [point])

    return install


def test_trivial_baselines_are_found_by_module():
    assert {"random", "zscore", "highpass"} <= set(registry.methods())


def test_entry_point_names_a_module_or_a_class(plugin):
    detector = make_detector("theirs", "plugin_package")
    plugin(Theirs=detector)
    assert registry.method("theirs") is detector
    plugin("plugin_package:Theirs", Theirs=detector)
    assert registry.method("theirs") is detector


def test_two_methods_of_one_name_are_an_error(plugin):
    plugin(Theirs=make_detector("zscore", "plugin_package"))
    with pytest.raises(BenchError, match=r"methods\.zscore\.ZScore and plugin_package\.Found"):
        registry.methods()


def test_unknown_name_answers_with_the_nearest():
    with pytest.raises(BenchError, match="did you mean 'zscore'"):
        registry.method("z-score")


def test_plugin_that_fails_to_import_is_listed_and_breaks_nothing(plugin):
    plugin("no_such_package:Method")
    found, broken = registry.discover()
    assert "zscore" in found
    assert [one.reason for one in broken] == ["ModuleNotFoundError: No module named 'no_such_package'"]
    with pytest.raises(BenchError, match="1 failed to import"):
        registry.method("something")


def test_subclass_of_a_registered_method_is_not_registered_itself(plugin):
    parent = make_detector("parent", "plugin_package")
    child = type("Child", (parent,), {"__module__": "plugin_package"})
    plugin(Parent=parent, Child=child)
    assert registry.method("parent") is parent


def test_register_wants_info():
    with pytest.raises(TypeError, match="needs `info"):
        registry.register(type("NoInfo", (Detector,), {}))
