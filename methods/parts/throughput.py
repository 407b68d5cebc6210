"""How fast a training goes: examples a second, and the share of time in which the GPU computes."""

import time
from collections.abc import Mapping

import torch


class Throughput:
    """Counts examples from when it is made; asks the GPU how busy it was when it is asked itself."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.start_s = time.perf_counter()
        self.examples = 0
        self.busy_percent: list[float] = []

    def count(self, examples: int) -> None:
        """Note that this many examples were learned from."""
        self.examples += examples

    def note(self) -> str:
        """In words, for the progress bar: "41 a second, GPU 97 %"."""
        words = f"{self._examples_per_s():.3g} a second"
        if self.device.startswith("cuda"):
            try:
                self.busy_percent.append(float(torch.cuda.utilization(self.device)))  # type: ignore[no-untyped-call]
            except (ImportError, RuntimeError):  # without nvidia-ml-py, or where the driver does not tell
                return words
            words += f", GPU {self.busy_percent[-1]:.0f} %"
        return words

    def figures(self) -> Mapping[str, float]:
        """For the card of the trained part. The first of the readings is of the start and is left out."""
        figures = {"examples_per_s": round(self._examples_per_s(), 2)}
        readings = self.busy_percent[1:]
        if readings:
            figures["gpu_busy_percent"] = round(sum(readings) / len(readings), 1)
        return figures

    def _examples_per_s(self) -> float:
        return self.examples / max(time.perf_counter() - self.start_s, 1e-9)
