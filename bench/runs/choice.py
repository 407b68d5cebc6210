"""What the user chose to run: methods, their settings, seed and device."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import registry
from bench.detector import Detector, MethodConfig
from bench.errors import BenchError
from bench.runs import presets


@dataclass(frozen=True)
class ChosenMethod:
    """A method with its settings, seed and device.

    preset: whose settings it began with, for the tables; `config` is what counts.
    """

    detector: type[Detector]
    config: MethodConfig
    preset: str
    seed: int
    device: str

    @property
    def name(self) -> str:
        """What commands call it."""
        return self.detector.info.name


@dataclass(frozen=True)
class Choice:
    """What the user chose about methods.

    Args:
        methods: Names, or "all".
        preset: "cpu", "gpu" or "paper".
        config_file: YAML file of method -> settings, over the preset's.
        pairs: Settings such as "patches.blocks=8", over the file's.
        seed: Of training and scoring.
        device: "cpu", "cuda", or "auto" for the GPU if there is one.
    """

    methods: tuple[str, ...]
    preset: str = "cpu"
    config_file: Path | None = None
    pairs: tuple[str, ...] = ()
    seed: int = 0
    device: str = "auto"

    def resolved(self, device_of: Callable[[str], str] | None = None) -> list[ChosenMethod]:
        """Each chosen method once, in the order given.

        Args:
            device_of: What "auto", "cpu" or "cuda" stands for where the work is done; here, if None.

        Raises:
            BenchError: For a name, a setting or a device that there is not.
        """
        detectors = self._detectors()
        known = list(registry.listing()[0]) if self.config_file else []
        configs = presets.resolve(detectors, self.preset, self.config_file, list(self.pairs), known)
        device = (device_of or chosen_device)(self.device)
        return [
            ChosenMethod(detector, configs[name], self.preset, self.seed, device)
            for name, detector in detectors.items()
        ]

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


def chosen_device(name: str) -> str:
    """ "auto" becomes "cuda" where there is one, otherwise "cpu"."""
    import torch  # seconds to import

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise BenchError("--device cuda: torch sees no GPU here; use --device cpu or auto.")
    return name
