"""Which features of the score tell lesions apart: a table of voxel average precision and of the paper's metrics.

    python -m benchmarks.features [--preset cpu] [--lesions paper soft] [--cases 12] [--flows mean norm+mean]
        [--root DIR] [--atlas DIR] [--score-model DIR] [--device auto] [--json FILE]

On validation cases with simulated lesions alone; test cases are never loaded. All features are computed once, for
every level, patch size and number of noise draws that a row of the table needs; a row then takes its share of them.
The Gaussian is read in all ways, a flow is trained for the rows named. The score model is the preset's, from the
workspace's store or the shipped weights, or else trained; or one in a folder (weights and card), whatever it was
trained on.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from bench.cli.options import set_up_processor
from bench.component import FitContext
from bench.registry import method
from bench.reporting import SilentReporter
from bench.runs.case_pool import case_pool
from bench.runs.choice import chosen_device
from bench.runs.presets import resolve
from bench.runs.store import CARD, WEIGHTS, Store
from bench.seeds import derived_seed
from benchmarks.validation_cases import LESION_SETS, METRICS, add_data_options, chosen_dataset, metrics_of
from datasets.case import Case, Cases, FloatArray
from datasets.dataset import Dataset
from methods.diffusion.config import ScoreModelConfig
from methods.diffusion.score_model import ScoreModel
from methods.msma.conditional import ConditionalDensity, Patches, train_density
from methods.msma.config import PatchDensityConfig
from methods.msma.patch_density import Moments, PatchDensity, local_moments, summary

ROWS: dict[str, dict[str, Any]] = {  # name -> settings of the patch density beside the preset's
    "norm": {"features": "norm"},
    "mean": {"features": "mean", "mean_sizes": [3]},
    "mean 5": {"features": "mean", "mean_sizes": [5]},
    "means 1 3 5": {"features": "mean", "mean_sizes": [1, 3, 5]},
    "means 3 5 9": {"features": "mean", "mean_sizes": [3, 5, 9]},
    "norm+mean": {"features": "norm+mean", "mean_sizes": [3], "kinds": "joint"},
    "norm+mean apart": {"features": "norm+mean", "mean_sizes": [3], "kinds": "apart"},
    "norm+means 3 5": {"features": "norm+mean", "mean_sizes": [3, 5], "kinds": "joint"},
}


def main() -> None:
    chosen = arguments()
    set_up_processor(chosen.threads)
    device = chosen_device(chosen.device)
    datasets = {lesions: chosen_dataset(chosen, lesions) for lesions in chosen.lesions}
    dataset = datasets[chosen.lesions[0]]
    name = "spatial-msma"
    config = resolve({name: method(name)}, chosen.preset, None, chosen.set, [name])[name]
    context = FitContext(
        train=dataset.train,
        validation=dataset.validation[: chosen.cases],
        channels=dataset.channels,
        training_fingerprint=dataset.training_fingerprint,
        seed=0,
        device=device,
        store=Store(chosen.workspace / "components"),
        reporter=SilentReporter(),
    )
    if chosen.score_model:
        model = model_in(chosen.score_model, device)
    else:
        model = context.fitted(ScoreModel, config.score_model)  # type: ignore[attr-defined]
    context = replace(context, train=dataset.train[: chosen.train_cases])  # the score model is kept: it sees them all
    preset: PatchDensityConfig = config.patches  # type: ignore[attr-defined]
    some = min(chosen.cases, len(dataset.validation))
    print(
        f"{dataset.name}, training fingerprint {dataset.training_fingerprint[:12]}, {len(context.train)} training and "
        f"{some} validation cases, seed 0, {device}; levels {levels_of(model, preset)}\n"
    )
    header = ["features", "draws", "density", "reading", "lesions", *METRICS]
    print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}", flush=True)
    rows = {row: changes for row, changes in ROWS.items() if chosen.rows is None or row in chosen.rows}
    found = []
    for draws in chosen.draws:
        table = FeatureTable(preset, rows, draws, model, context, datasets, chosen.cases, bool(chosen.flows))
        for row, changes in rows.items():
            found += table.measured(row, changed(preset, changes, draws), row in chosen.flows)
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_options(parser, cases=12)
    parser.add_argument("--lesions", nargs="+", default=["paper", "soft"], choices=LESION_SETS)
    parser.add_argument("--train-cases", type=int, help="only the first training cases")
    parser.add_argument("--score-model", type=Path, help="folder with weights and card of a score model")
    parser.add_argument("--rows", nargs="+", choices=sorted(ROWS), help="only these")
    parser.add_argument("--flows", nargs="*", default=[], choices=sorted(ROWS), help="rows that a flow is trained for")
    parser.add_argument("--draws", nargs="+", type=int, default=[0, 2], help="noise draws to try")
    parser.add_argument("--set", nargs="*", default=[], help="settings, as patches.highest_sigma=1.6")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path, help="keep every case's numbers here")
    return parser.parse_args()


def changed(preset: PatchDensityConfig, changes: dict[str, Any], draws: int) -> PatchDensityConfig:
    """The preset's settings with these changes."""
    return PatchDensityConfig.model_validate(preset.model_dump() | changes | {"noise_draws": draws})


def levels_of(model: ScoreModel, config: PatchDensityConfig) -> str:
    """The noise levels, in words."""
    levels = model.process.noise_levels(config.noise_levels, config.highest_sigma, config.lowest_sigma)
    return ", ".join(f"{level:.3g}" for level in levels.tolist())


def model_in(folder: Path, device: str) -> ScoreModel:
    """The score model in a folder, whatever it was trained on."""
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    model = ScoreModel.restore(
        ScoreModelConfig.model_validate(card["config"]), load_file(folder / WEIGHTS), device, None
    )
    model.key = card["key"]
    return model


class FeatureTable:
    """All features that the rows need, of training, validation and lesion cases, standardised once."""

    def __init__(
        self,
        preset: PatchDensityConfig,
        rows: dict[str, dict[str, Any]],
        draws: int,
        model: ScoreModel,
        context: FitContext,
        datasets: dict[str, Dataset],
        cases: int,
        with_flows: bool,
    ) -> None:
        sizes = sorted({size for changes in rows.values() for size in changed(preset, changes, 0).mean_sizes})
        self.widest = changed(preset, {"features": "norm+mean", "mean_sizes": sizes, "density": "gaussian"}, draws)
        self.context, self.model = context, model
        shape = context.train[0].brain_mask.shape
        self.all = PatchDensity(self.widest, model, shape, None, None, context.seed)
        start = time.perf_counter()
        train = self.features(context.train)
        self.all.moments = local_moments(self.widest, [one.cpu() for one in train], context)
        self.train = [self.all.patches(case, one) for case, one in zip(context.train, train, strict=True)]
        self.validation = self.patches(context.validation) if with_flows else []
        self.lesions = {name: list(one.validation_lesions[:cases]) for name, one in datasets.items()}
        self.lesion_patches = {name: self.patches(some) for name, some in self.lesions.items()}
        print(f"<!-- features with {draws} draws: {time.perf_counter() - start:.0f} s -->", flush=True)

    def features(self, cases: Cases) -> list[torch.Tensor]:
        """Of every brain voxel of each case."""
        with case_pool(3 if self.model.device.startswith("cuda") else 1) as pool:
            return list(pool.map(lambda index: self.all.features(cases[index]), range(len(cases))))

    def patches(self, cases: Cases) -> list[Patches]:
        """The same, standardised."""
        return [self.all.patches(cases[i], found) for i, found in enumerate(self.features(cases))]

    def columns(self, config: PatchDensityConfig) -> torch.Tensor:
        """Which of all features the settings ask for."""
        channels = len(self.context.channels)
        norms, sizes = sum(config.patch_features.are_norms(channels)), config.patch_features.mean_sizes
        all_norms = sum(self.widest.patch_features.are_norms(channels))
        wanted = [norms > 0] * all_norms + [size in sizes for size in self.widest.mean_sizes for _ in range(channels)]
        return torch.tensor(wanted * self.widest.noise_levels).nonzero()[:, 0]

    def measured(self, row: str, config: PatchDensityConfig, with_flow: bool) -> list[dict[str, Any]]:
        """Print the row in all readings; gives every case's numbers."""
        columns = self.columns(config)
        assert self.all.moments is not None
        moments = Moments(self.all.moments.mean[columns], self.all.moments.sd[columns])
        densities = {"gaussian": None, "flow": self.flow(config, columns)} if with_flow else {"gaussian": None}
        found = []
        for name, density in densities.items():
            for lesions, cases in self.lesions.items():
                patches = [only(patches, columns) for patches in self.lesion_patches[lesions]]
                for reading, maps in self.maps(
                    config.model_copy(update={"density": name}), moments, density, cases, patches
                ):
                    values = metrics_of(maps, cases)
                    words = [row, str(config.noise_draws), name, reading, lesions]
                    numbers = [f"{value:.3f}" for value in np.mean(values, axis=0)]
                    print(f"| {' | '.join(words + numbers)} |", flush=True)
                    found.append({"row": words, "cases": [case.id for case in cases], "values": values})
        return found

    def maps(
        self,
        config: PatchDensityConfig,
        moments: Moments,
        density: ConditionalDensity | None,
        cases: list[Case],
        patches: list[Patches],
    ) -> Iterator[tuple[str, list[FloatArray]]]:
        """Readings of the cases: what a flow costs is spent once."""

        def read(reading: str) -> tuple[PatchDensity, list[FloatArray]]:
            part = PatchDensity(
                config.model_copy(update={"reading": reading}), self.model, self.all.shape, moments, density
            )
            return part, [part.anomaly_map(*pair) for pair in zip(cases, patches, strict=True)]

        part, maps = read("standardised")
        yield "standardised", maps
        deviations = [part.log_deviations(torch.from_numpy(case.brain_mask)).cpu().numpy() for case in cases]
        yield "likelihood", [with_added(*triple) for triple in zip(maps, cases, deviations, strict=True)]
        if density is None:
            yield "largest", read("largest")[1]

    def flow(self, config: PatchDensityConfig, columns: torch.Tensor) -> ConditionalDensity:
        """A flow over these features, trained as `PatchDensity.train` does."""
        context, start = self.context, time.perf_counter()
        seed = derived_seed(context.seed, "patch-density")
        density = ConditionalDensity(config, len(context.channels), self.all.shape, seed).to(context.device)
        train, count = [only(patches, columns) for patches in self.train], config.images_per_step

        def draw(generator: torch.Generator) -> list[Patches]:
            return [train[i] for i in torch.randint(len(train), (count,), generator=generator)]

        held_out = [only(patches, columns) for patches in self.validation]
        figures, _ = train_density(density, draw, held_out, torch.Generator().manual_seed(seed), context)
        print(f"<!-- flow: {figures['validation_nats']:.3f} nats, {time.perf_counter() - start:.0f} s -->", flush=True)
        return density.eval().requires_grad_(False)


def only(patches: Patches, columns: torch.Tensor) -> Patches:
    """The patches with these features alone."""
    features = patches.norms[:, columns]
    return patches._replace(norms=features, summary=summary(features))


def with_added(values: FloatArray, case: Case, added: FloatArray) -> FloatArray:
    """The map (X, Y, Z) with (N,) values added to its N brain voxels."""
    out = values.copy()
    out[case.brain_mask] += added
    return out


if __name__ == "__main__":
    main()
