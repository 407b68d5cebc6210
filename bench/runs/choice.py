"""What the user chose to run: methods, their settings, seed and device."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench import registry
from bench.detector import Detector, MethodConfig
from bench.errors import BenchError
from bench.runs import presets


@dataclass(frozen=True)
class ChosenMethod:
    """A method with its settings, seed and device.

    preset: whose settings it began with, for the tables; `config` is what counts. apart: how it differs from the other
    runs of its method in one command, such as "seed 1".
    """

    detector: type[Detector]
    config: MethodConfig
    preset: str
    seed: int
    device: str
    apart: str = ""

    @property
    def name(self) -> str:
        """What commands call it."""
        return self.detector.info.name

    @property
    def label(self) -> str:
        """Its name, and how it differs from other runs of it."""
        return f"{self.name} ({self.apart})" if self.apart else self.name


@dataclass(frozen=True)
class Choice:
    """What the user chose about methods.

    Args:
        methods: Names, or "all".
        preset: "cpu", "gpu" or "paper".
        config_file: YAML file of method -> settings, over the preset's.
        options_are_read: Whether options in that file were taken already; otherwise they are refused.
        pairs: Settings such as "patches.blocks=8", over the file's; "patches.blocks=8,16" stands for two runs.
        seeds: Of training and scoring, a run for each.
        device: "cpu", "cuda", or "auto" for the GPU if there is one.
    """

    methods: tuple[str, ...]
    preset: str = "cpu"
    config_file: Path | None = None
    pairs: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0,)
    device: str = "auto"
    options_are_read: bool = False

    def resolved(self, device_of: Callable[[str], str] | None = None) -> list[ChosenMethod]:
        """Each chosen method with every combination of settings and seeds, in the order given; no run twice.

        Args:
            device_of: What "auto", "cpu" or "cuda" stands for where the work is done; here, if None.

        Raises:
            BenchError: For a name, a setting or a device that there is not.
        """
        detectors = self._detectors()
        known = list(registry.listing()[0]) if self.config_file else []
        configs = [
            presets.resolve(detectors, self.preset, self.config_file, pairs, known, self.options_are_read)
            for pairs in presets.combinations(self.pairs)
        ]
        device = (device_of or chosen_device)(self.device)
        found = []
        for name, detector in detectors.items():
            own = [config[name] for config in configs]
            once = [config for i, config in enumerate(own) if config not in own[:i]]  # where others' settings vary
            runs = [ChosenMethod(detector, config, self.preset, seed, device) for config in once for seed in self.seeds]
            found += _told_apart(runs)
        return found

    def check_names(self) -> None:
        """BenchError for a name that there is not, before anything heavy is imported."""
        for name in self.methods:
            if name != "all":
                registry.check_name(name)

    def missing(self) -> list[registry.Broken]:
        """What "all" would hold, did it not fail to import."""
        return registry.discover()[1] if "all" in self.methods else []

    def _detectors(self) -> dict[str, type[Detector]]:
        if "all" in self.methods:
            self.check_names()
            return registry.methods()
        return {name: registry.method(name) for name in self.methods}


def _told_apart(runs: Sequence[ChosenMethod]) -> list[ChosenMethod]:
    """Runs of one method, each with the settings and seed that set it apart."""
    flat = [presets.flattened(run.config) for run in runs]
    varying = [
        key
        for key in dict.fromkeys(k for one in flat for k in one)
        if any(one.get(key) != flat[0].get(key) for one in flat)
    ]
    seeds = len({run.seed for run in runs}) > 1
    apart = [
        [*(f"{key}={own.get(key)}" for key in varying), *([f"seed {run.seed}"] if seeds else [])]
        for run, own in zip(runs, flat, strict=True)
    ]
    return [replace(run, apart=", ".join(words)) for run, words in zip(runs, apart, strict=True)]


def chosen_device(name: str) -> str:
    """ "auto" becomes "cuda" where there is one, otherwise "cpu"."""
    import torch  # seconds to import

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise BenchError("--device cuda: torch sees no GPU here; use --device cpu or auto.")
    return name
