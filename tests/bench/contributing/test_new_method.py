"""The templates: what they give keeps the contract at once."""

import importlib.util
import sys

import pytest

from bench.contributing.contract import check_method
from bench.contributing.new_method import write_method, write_plugin
from bench.errors import BenchError


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "pyproject.toml").write_text("")
    return tmp_path


def load(path, name, monkeypatch):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def test_the_written_method_keeps_the_contract_and_its_test_passes(checkout, monkeypatch):
    method, test = write_method("my-method", checkout)
    module = load(method, "methods.my_method", monkeypatch)
    assert [check for check in check_method(module.MyMethod) if check.problem] == []
    load(test, "test_my_method", monkeypatch).test_lesions_score_higher_than_the_healthy_brain()


def test_the_same_two_files_start_a_method_of_another_package(tmp_path, monkeypatch):
    method, test, entry_point = write_plugin("my-method", tmp_path)
    load(method, "my_method", monkeypatch)
    load(test, "test_my_method", monkeypatch).test_lesions_score_higher_than_the_healthy_brain()
    assert entry_point == '[project.entry-points."bench.methods"]\nmy-method = "my_method"\n'


def test_the_written_test_imports_one_helper_of_bench(checkout):
    _, test = write_method("my-method", checkout)
    lines = [line for line in test.read_text().splitlines() if line.startswith(("from", "import"))]
    assert [line for line in lines if "bench" in line] == [
        "from bench.contributing.contract import fitted_on_tiny_dataset"
    ]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("all", "is what --method takes for every method"),
        ("class", "a word of Python"),
        ("none", "a word of Python"),
        ("print", "a word of Python"),
        ("exception", "a word of Python"),
        ("json", "the name of a package"),
        ("torch", "the name of a package"),
        ("metrics", "the name of a package"),
        ("test-mine", "pytest"),
        ("conftest", "pytest"),
        ("detector", "imports already"),
        ("fit-context", "imports already"),
        ("2-stage", "lower-case words"),
        ("a" * 300, "lower-case words"),
    ],
)
def test_a_name_that_breaks_something_is_refused(checkout, name, problem):
    for write in (lambda: write_method(name, checkout), lambda: write_plugin(name, checkout)):
        with pytest.raises(BenchError, match=problem) as caught:
            write()
        assert len(str(caught.value)) < 300
    assert [path.name for path in checkout.iterdir()] == ["pyproject.toml"]


def test_a_folder_of_that_name_is_not_hidden(checkout):
    (checkout / "methods" / "msma").mkdir(parents=True)
    with pytest.raises(BenchError, match=r"already in .*methods/msma"):
        write_method("msma", checkout)


def test_names_are_checked(checkout):
    with pytest.raises(BenchError, match="such as my-method"):
        write_method("My Method", checkout)
    with pytest.raises(BenchError, match="already"):
        write_method("zscore", checkout)
    write_method("mine", checkout)
    with pytest.raises(BenchError, match=r"already in .*mine\.py"):
        write_method("mine", checkout)
    (checkout / "pyproject.toml").unlink()
    with pytest.raises(BenchError, match="clone"):
        write_method("other", checkout)
