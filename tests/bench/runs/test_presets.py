"""Settings: preset, then file, then --set; and what mistakes say."""

import pytest
from pydantic import BaseModel, ConfigDict, Field

from bench import registry
from bench.detector import Detector, MethodConfig, MethodInfo
from bench.errors import BenchError
from bench.runs import presets
from bench.settings import settings_of


class FlowConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    blocks: int = Field(20, ge=1, le=64, description="coupling blocks")
    widths: tuple[int, ...] = (256, 256)


class OneConfig(MethodConfig):
    flow: FlowConfig = FlowConfig()
    lesion_size_mm: float = Field(3.0, gt=0, description="smallest lesion, in mm")


class One(Detector):
    info = MethodInfo(name="one", title="One", reference="none")
    Config = OneConfig


class Two(Detector):
    info = MethodInfo(name="two", title="Two", reference="none")


BOTH = {"one": One, "two": Two}


def resolved(pairs=(), file=None, detectors=BOTH):
    return presets.resolve(detectors, "paper", file, list(pairs), ["one", "two"])


def test_set_wins_over_file_and_file_over_default(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text("one:\n  lesion_size_mm: 5\n  flow: {blocks: 4}\n")
    config = resolved(["flow.blocks=8"], file)["one"]
    assert (config.flow.blocks, config.lesion_size_mm, config.flow.widths) == (8, 5.0, (256, 256))


def test_set_reaches_the_methods_that_have_the_key_or_the_one_it_names():
    assert resolved(["lesion_size_mm=2"])["one"].lesion_size_mm == 2
    assert resolved(["one.flow.blocks=2"])["one"].flow.blocks == 2


def test_list_values_are_yaml():
    assert resolved(["flow.widths=[8, 16]"])["one"].flow.widths == (8, 16)


@pytest.mark.parametrize(
    ("pair", "sentence"),
    [
        ("flow.blokcs=8", r"--set flow\.blokcs: one and two has no such setting, did you mean 'flow\.blocks'\?"),
        ("flow.blocks=0", r"one: flow\.blocks = 0 is wrong, input should be greater than .* 1 \(coupling blocks\)"),
        ("flow.blocks=many", r"one: flow\.blocks = 'many' is wrong, input should be a valid integer"),
        ("two.size=3", r"two: there is no setting 'size'"),
        ("flow.blocks", "should read key=value"),
        ("flow.blocks=[1", "not valid YAML"),
        ("flow.blocks=" + "[" * 5000, "not valid YAML"),
        ("flow.blocks=" + "8" * 5000, "not valid YAML"),
        ("flow.blocks=2026-13-01", "not valid YAML"),
        ("flow.blocks=" + "8" * 4000, r"flow\.blocks = 8{60} \.\.\. 8{60} is wrong"),
    ],
)
def test_mistakes_on_the_command_line_are_sentences(pair, sentence):
    with pytest.raises(BenchError, match=sentence):
        resolved([pair])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("three: {size: 1}", "no method 'three'"),
        ("one: 3", "should map names of methods to settings"),
        ("- one", "should map names of methods to settings"),
        ("one: {flow: {blokcs: 3}}", r"no setting 'flow\.blokcs', did you mean 'flow\.blocks'"),
        ("one: [", "not valid YAML"),
        ("one: {size: 2026-13-01}", "not valid YAML"),
        ("one: {lesion_size_mm: -5}", r"own\.yaml: one: lesion_size_mm = -5 is wrong"),
        ("one: {lesion_size_mm: 5, lesion_size_mm: 6}", "the key 'lesion_size_mm' stands twice"),
        ("one: {lesion_size_mm: 5}\none: {lesion_size_mm: 6}", "the key 'one' stands twice"),
        ("one: " + "[" * 5000 + "]" * 5000, "deeper than YAML can be read"),
        ("one: &a {flow: *a}", "own.yaml"),
    ],
)
def test_mistakes_in_a_file_are_sentences(tmp_path, text, sentence):
    file = tmp_path / "own.yaml"
    file.write_text(text)
    with pytest.raises(BenchError, match=sentence):
        resolved(file=file)


def test_a_merged_mapping_may_be_changed(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text("shared: {a: &a {lesion_size_mm: 5}}\none: {<<: *a, lesion_size_mm: 6}\n")
    assert resolved(file=file)["one"].lesion_size_mm == 6


def test_a_setting_is_given_once():
    with pytest.raises(BenchError, match=r"--set flow\.blocks is given twice"):
        resolved(["flow.blocks=2", "flow.blocks=3"])


def test_missing_file_is_named(tmp_path):
    with pytest.raises(BenchError, match=r"none\.yaml cannot be read"):
        resolved(file=tmp_path / "none.yaml")


def test_unknown_preset_names_those_there_are():
    with pytest.raises(BenchError, match="cpu, gpu, paper"):
        presets.preset_settings("tpu")


@pytest.mark.parametrize("preset", presets.PRESETS)
def test_shipped_presets_fit_the_methods_they_name(preset):
    found = registry.methods()
    assert set(presets.preset_settings(preset)) <= set(found)
    assert set(presets.resolve(found, preset, None, [], [])) == set(found)


def test_flattened_config_has_dotted_keys_and_plain_values():
    assert presets.flattened(OneConfig()) == {
        "flow.blocks": 20,
        "flow.widths": "[256, 256]",
        "lesion_size_mm": 3.0,
    }


def test_settings_are_listed_with_bounds_and_description():
    assert settings_of(OneConfig)["flow.blocks"] == (">= 1, <= 64", "coupling blocks")


def test_alternatives_are_combined():
    assert presets.combinations(["flow.blocks=1,2", "lesion_size_mm=3"]) == [
        ["flow.blocks=1", "lesion_size_mm=3"],
        ["flow.blocks=2", "lesion_size_mm=3"],
    ]
    assert len(presets.combinations(["a=1,2", "b=x,y,z"])) == 6
    assert presets.combinations([]) == [[]]


def test_commas_in_brackets_and_quotes_part_nothing():
    for pair in ("flow.widths=[8, 16]", "words='a,b'", 'words="a,[b"', "map={a: 1, b: 2}", "no-equals,sign"):
        assert presets.combinations([pair]) == [[pair]]
    assert presets.combinations(["flow.widths=[8, 16],[4]"]) == [["flow.widths=[8, 16]"], ["flow.widths=[4]"]]


@pytest.mark.parametrize("pairs", [["a=1,"], ["a=,1"], [f"a={','.join('1' * 40)}", f"b={','.join('1' * 40)}"]])
def test_slips_in_alternatives_are_refused(pairs):
    with pytest.raises(BenchError, match="--set"):
        presets.combinations(pairs)
