import importlib.util
import json

import pytest
from typer.testing import CliRunner

from bench import cli
from bench.errors import BenchError
from bench.models import hub as hub_module
from bench.models.hub import pulled, pushed
from bench.models.manifest import MANIFEST
from methods.zscore import ZScore
from tests.bench.models.hub_server import running

runner = CliRunner()


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with running() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", "hf_nobody")
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        yield server


def test_what_is_sent_comes_back_the_same(hub, model_of, tmp_path):
    _, model = model_of(ZScore)
    assert pushed(model, "me/small", private=True) == f"{hub.url}/me/small"
    sent = hub.repositories["me/small"]
    assert hub.private["me/small"] and {"model.json", "template.nii.gz"} <= set(sent)
    again = pulled("me/small", tmp_path / "elsewhere")
    assert again.folder == tmp_path / "elsewhere" / "small"
    assert again.manifest == model.manifest
    assert pulled("me/small", tmp_path / "elsewhere").folder == again.folder  # it is there already
    left = sorted(path.name for path in (tmp_path / "elsewhere").iterdir())
    assert left == ["small"]


def test_parts_that_come_with_the_package_are_sent_along(hub, model_of, tmp_path, monkeypatch):
    _, model = model_of(ZScore)
    monkeypatch.setattr("bench.models.model.shipped_folder", lambda: tmp_path / "shipped")
    (model.folder / "parts").rename(tmp_path / "shipped")
    pushed(model, "me/small", private=False)
    again = pulled("me/small", tmp_path / "elsewhere")
    assert list((again.folder / "parts").glob("moments-*/weights.safetensors"))
    assert again.manifest == model.manifest


def test_another_model_of_that_name_stays(hub, model_of, tmp_path):
    _, model = model_of(ZScore)
    pushed(model, "me/small", private=True)
    pulled("me/small", tmp_path / "elsewhere")
    manifest = json.loads(hub.repositories["me/small"][MANIFEST])
    hub.repositories["me/small"]["README.md"] = b"another card"
    with pytest.raises(BenchError, match="its checksum differs"):
        pulled("me/small", tmp_path / "third")
    assert manifest["name"] == "small" and not (tmp_path / "third" / "small").exists()
    _, other = model_of(ZScore, folder=tmp_path / "other")
    pushed(other, "me/small", private=True)
    hub.repositories["me/small"].pop("README.md")
    changed = tmp_path / "elsewhere" / "small"
    (changed / "template.nii.gz").write_bytes(b"mine")
    with pytest.raises(BenchError):
        pulled("me/small", tmp_path / "elsewhere")
    assert (changed / "template.nii.gz").read_bytes() == b"mine"


def test_a_name_that_leads_elsewhere_is_refused(hub, model_of, tmp_path):
    _, model = model_of(ZScore)
    pushed(model, "me/small", private=True)
    manifest = json.loads(hub.repositories["me/small"][MANIFEST])
    hub.repositories["me/small"][MANIFEST] = json.dumps({**manifest, "name": "../../small"}).encode()
    with pytest.raises(BenchError, match="is not a manifest of this version"):
        pulled("me/small", tmp_path / "deep" / "models")
    assert not list(tmp_path.glob("small*")) and not list((tmp_path / "deep").glob("small*"))


def test_what_a_hub_does_not_give_is_a_sentence(hub, tmp_path, monkeypatch):
    with pytest.raises(BenchError, match="knows no me/nothing, or does not show it to you"):
        pulled("me/nothing", tmp_path / "models")
    hub.repositories["me/notes"] = {"notes.json": b"{}"}
    with pytest.raises(BenchError, match=r"is no model, it has no model.json"):
        pulled("me/notes", tmp_path / "models")
    with pytest.raises(BenchError, match="is no id of a hub: it reads OWNER/NAME"):
        pulled("small", tmp_path / "models")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(BenchError, match=r"me/small cannot be fetched, http://127.0.0.1:9 does not answer"):
        pulled("me/small", tmp_path / "models")
    assert not list((tmp_path / "models").iterdir())


def test_without_the_extra_a_sentence_names_it(monkeypatch, tmp_path):
    monkeypatch.setattr(hub_module, "find_spec", lambda name: None)
    answer = runner.invoke(cli.app, ["models", "pull", "me/small", "--workspace", str(tmp_path)])
    assert answer.exit_code == 2 and "brain-anomaly-bench[hub]" in answer.output
    assert importlib.util.find_spec("huggingface_hub") is not None  # the test extra has it
