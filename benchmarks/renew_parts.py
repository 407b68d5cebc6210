"""Trained parts of an earlier version under today's settings and key: `python -m benchmarks.renew_parts FROM TO`.

A part is found by the hash of its settings, so that one trained before a setting had a name is found no more, although
its weights are as good as ever. This says, setting by setting, what was meant then, and writes the same weights with a
new card. Nothing is guessed: settings that cannot be said any more are refused, and so are weights of another shape.
"""

import argparse
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from bench.component import AnyComponent, ComponentConfig, FitContext
from bench.errors import BenchError
from bench.files import write_text
from bench.reporting import SilentReporter
from bench.runs.shipped import CARD, WEIGHTS
from bench.runs.store import Card, Store, component_key
from bench.settings import validated
from datasets.fingerprint import file_hash
from methods.diffusion.config import ScoreModelConfig
from methods.diffusion.score_model import ScoreModel
from methods.msma.config import PatchDensityConfig
from methods.msma.patch_density import PatchDensity

Settings = dict[str, Any]


def renewed_patches(old: Settings, tensors: set[str]) -> Settings:
    """The settings of a patch density in today's words. tensors: names of its weights.

    BenchError where the embedding, whose layers are others today, is part of it.
    """
    if "norms" in old:
        return old
    if old["embedding_features"]:
        raise BenchError("The patch density has an embedding of the image whose layers are others today: train anew.")
    kept = {
        name: value for name, value in old.items() if name != "embedding_width"
    }  # of an embedding that is not there
    conditional = any(name.startswith("density.flow.base.hyper") for name in tensors)
    return {
        **kept,
        "norms": "standardised",  # there was nothing else: the moments among the weights say so
        "conditional_base": conditional,
        "augmentation": "none",  # norms were computed once, of images as they are
        "schedule": "one-cycle",
        "gradient_clip": 1.0,
    }


Renew = Callable[[Settings, set[str]], Settings]
PARTS: dict[str, tuple[type[AnyComponent], type[ComponentConfig], Renew]] = {
    ScoreModel.name: (ScoreModel, ScoreModelConfig, lambda old, tensors: old),
    PatchDensity.name: (PatchDensity, PatchDensityConfig, renewed_patches),
}


def renewed(source: Path, target: Path, upstream: AnyComponent | None) -> AnyComponent:
    """Write a part of `source` into the store `target` under today's key; gives the part as restored from there."""
    card = Card.model_validate_json((source / CARD).read_text(encoding="utf-8"))
    kind, settings, renew = PARTS[card.component]
    if card.version != kind.version:
        raise BenchError(f"{source} is of version {card.version}, today's is {kind.version}: train it anew.")
    tensors = set(load_file(source / WEIGHTS))
    config = validated(settings, renew(card.config, tensors), f"{source / CARD}")
    context = FitContext(
        (), (), tuple(card.channels), card.training_fingerprint, card.seed, "cpu", Store(target, None), SilentReporter()
    )
    key = component_key(kind, config, context, upstream)
    place = target / f"{kind.name}-{key[:12]}"
    place.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / WEIGHTS, place / WEIGHTS)
    new = {
        "key": key,
        "config": config.model_dump(mode="json"),
        "upstream": upstream.key if upstream else None,
        "sha256": file_hash(place / WEIGHTS),
    }
    write_text(place / CARD, card.model_copy(update=new).model_dump_json(indent=2) + "\n")
    found = context.fitted(kind, config, upstream)
    print(f"{place}: {'the same key' if key == card.key else 'a new key, the same weights'}")
    return found


def main() -> None:
    """Renew a score model and the patch density that builds on it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="folder with score-model/ and patch-density/")
    parser.add_argument("target", type=Path, help="folder of trained parts, such as .bench/components")
    given = parser.parse_args()
    score_model = renewed(given.source / ScoreModel.name, given.target, None)
    patches = renewed(given.source / PatchDensity.name, given.target, score_model)
    print(json.dumps(patches.config.model_dump(mode="json"), indent=1))


if __name__ == "__main__":
    main()
