"""Settings of a method: its defaults, then a preset's YAML, then the user's YAML, then `--set key=value`.

A YAML file maps method names to settings; what stands under the key `shared` is there to be referred to
(`score_model: *score_model`) and is otherwise ignored. A user's file may hold options of the command beside them.
"""

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from bench.detector import Detector, MethodConfig
from bench.discovery import nearest
from bench.errors import BenchError, shortened
from bench.settings import settings_of, validated

PRESETS = ("cpu", "gpu", "paper")
Settings = dict[str, Any]
MOST_RUNS = 1000  # of one method in one command: more are a slip
SHOULD = "should map names of methods to settings, such as `zscore: {smoothing_mm: 2}`."
NO_YAML = (yaml.YAMLError, ValueError)  # ValueError for a date in month 13, an integer of 5000 digits


def preset_settings(name: str) -> dict[str, Settings]:
    """Settings by method of a shipped preset: "cpu", "gpu" or "paper"."""
    if name not in PRESETS:
        raise BenchError(f"There is no preset {name!r}: take one of {', '.join(PRESETS)}.")
    file = files("bench.runs").joinpath("preset_settings", f"{name}.yaml")
    return _by_method(_content(file.read_text(encoding="utf-8"), f"preset {name}"), f"preset {name}")


def file_content(path: Path) -> Settings:
    """What a user's YAML file says by key: mappings for methods, values for options; BenchError if unreadable."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(f"The config file {path} cannot be read: give a YAML file in UTF-8.") from error
    return _content(text, str(path))


def option_keys(content: Settings) -> list[str]:
    """The keys of a user's file that stand for options of the command: those without a mapping."""
    return [key for key, value in content.items() if not isinstance(value, dict)]


def file_settings(path: Path, known: list[str], options_are_read: bool = False) -> dict[str, Settings]:
    """Settings by method of a user's YAML file; raises BenchError for a method that is not among `known`.

    options_are_read: whether its options were taken by the command; otherwise they are refused.
    """
    content = file_content(path)
    if options_are_read:
        content = {key: value for key, value in content.items() if isinstance(value, dict)}
    settings = _by_method(content, str(path))
    for name in settings:
        if name not in known:
            raise BenchError(f"{path}: there is no method {shortened(repr(name))}{nearest(name, known)}")
    return settings


def assignments(pairs: list[str]) -> list[tuple[str, Any]]:
    """`["patches.blocks=8"]` as `[("patches.blocks", 8)]`; values are read as YAML."""
    parsed: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or not key:
            raise BenchError(f"--set {shortened(pair)} should read key=value, such as --set patches.blocks=8.")
        if key in parsed:
            raise BenchError(f"--set {shortened(key)} is given twice: leave one away.")
        try:
            parsed[key] = yaml.load(value, _Loader)
        except (*NO_YAML, RecursionError) as error:
            raise BenchError(f"--set {shortened(pair)}: the value is not valid YAML.") from error
    return list(parsed.items())


def combinations(pairs: Sequence[str]) -> list[list[str]]:
    """`["a=1,2", "b=3"]` as `[["a=1", "b=3"], ["a=2", "b=3"]]`: the cross product of alternatives, at most MOST_RUNS.

    Commas inside brackets and quotes part no alternatives: `scales=[1,2]` is one value.
    """
    choices = []
    for pair in pairs:
        key, equals, value = pair.partition("=")
        choices.append([f"{key}{equals}{one}" for one in _alternatives(pair, value)] if equals else [pair])
    if math.prod(map(len, choices)) > MOST_RUNS:
        raise BenchError(f"--set: these alternatives make more than {MOST_RUNS} combinations: give fewer.")
    return [list(one) for one in itertools.product(*choices)]


def _alternatives(pair: str, value: str) -> list[str]:
    """The parts between commas that stand in no bracket and no quotes; BenchError for an empty one."""
    parts, depth, quote = [""], 0, ""
    for sign in value:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'" and not parts[-1].strip():
            quote = sign
        depth += (sign in "[{") - (sign in "]}") if not quote else 0
        if sign == "," and depth <= 0 and not quote:
            parts.append("")
        else:
            parts[-1] += sign
    if len(parts) > 1 and not all(part.strip() for part in parts):
        raise BenchError(f"--set {shortened(pair)}: a value between commas is missing.")
    return parts


def resolve(
    detectors: dict[str, type[Detector]],
    preset: str,
    config_file: Path | None,
    pairs: list[str],
    known: list[str],
    options_are_read: bool = False,
) -> dict[str, MethodConfig]:
    """The config of each method. A `--set` key goes to every method that has it; `method.key` goes to one.

    known, options_are_read: as for `file_settings`.

    Raises BenchError, naming the field and what it takes, for a wrong key or value.
    """
    from_preset = preset_settings(preset)
    from_file = file_settings(config_file, known, options_are_read) if config_file else {}
    settings = {name: _merged(from_preset.get(name, {}), from_file.get(name, {})) for name in detectors}
    for name in from_file.keys() & detectors.keys():  # so that its mistakes are told as the file's
        validated(detectors[name].Config, settings[name], f"{config_file}: {name}")
    for key, value in assignments(pairs):
        _assign(settings, detectors, key, value)
    return {name: validated(detector.Config, settings[name], name) for name, detector in detectors.items()}


def flattened(config: BaseModel | Settings) -> dict[str, str | int | float | bool | None]:
    """A config, or one that was read from JSON, as dotted keys and plain values; lists become JSON text."""
    flat: dict[str, str | int | float | bool | None] = {}

    def walk(value: Any, key: str) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(inner, f"{key}.{name}" if key else name)
        elif value is None or isinstance(value, str | int | float | bool):
            flat[key] = value
        else:
            flat[key] = json.dumps(value)

    walk(config.model_dump(mode="json") if isinstance(config, BaseModel) else config, "")
    return flat


def nested(flat: Mapping[str, object]) -> Settings:
    """The inverse of `flattened`, for the settings of a model to validate."""
    config: Settings = {}
    for key, value in flat.items():
        *parents, last = key.split(".")
        place = config
        for parent in parents:
            place = place.setdefault(parent, {})
        is_list = isinstance(value, str) and value.startswith("[")
        place[last] = json.loads(str(value)) if is_list else value
    return config


def _content(text: str, source: str) -> Settings:
    try:
        content = yaml.load(text, _Loader) or {}
    except NO_YAML as error:
        raise BenchError(f"{source} is not valid YAML: {' '.join(str(error).split())}.") from error
    except RecursionError:
        raise BenchError(f"{source} nests settings deeper than YAML can be read: write them flat.") from None
    if not isinstance(content, dict):
        raise BenchError(f"{source} {SHOULD}")
    return {str(key): value for key, value in content.items()}


def _by_method(content: Settings, source: str) -> dict[str, Settings]:
    if option_keys(content):
        raise BenchError(f"{source} {SHOULD}")
    return {name: settings for name, settings in content.items() if name != "shared"}


class _Loader(yaml.SafeLoader):
    """YAML as it is, but for a key that stands twice in one mapping, of which the last would win without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping of a node."""
        keys = [(key.tag, key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        twice = next((value for tag, value in keys if keys.count((tag, value)) > 1), None)
        if twice is not None:
            raise yaml.constructor.ConstructorError(None, None, f"the key {twice!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _merged(below: Settings, above: Settings) -> Settings:
    """`above` over `below`, nested mappings field by field."""
    merged = dict(below)
    for key, value in above.items():
        inner = merged.get(key)
        merged[key] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged


def _assign(settings: dict[str, Settings], detectors: dict[str, type[Detector]], key: str, value: Any) -> None:
    first, _, rest = key.partition(".")
    targets = (
        {first: rest}
        if first in detectors and rest
        else {name: key for name, detector in detectors.items() if key in settings_of(detector.Config)}
    )
    if not targets:
        known = sorted({k for detector in detectors.values() for k in settings_of(detector.Config)})
        raise BenchError(f"--set {shortened(key)}: {' and '.join(detectors)} has no such setting{nearest(key, known)}")
    for name, dotted in targets.items():
        change: Any = value
        for part in reversed(dotted.split(".")):
            change = {part: change}
        settings[name] = _merged(settings[name], change)
