"""All that changes in a training, and its checkpoints, which resume exactly."""

import copy
import json
import math
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from bench.component import FitContext
from bench.errors import BenchError
from bench.files import atomic_path
from methods.parts.ahead import Batches, Examples
from methods.parts.training import Figures, Training

LOSS, VALIDATION = "loss", "validation"  # curves
UNUSABLE = (OSError, SafetensorError, KeyError, IndexError, TypeError, ValueError, RuntimeError)


class TrainingState:
    """The network, its average, optimizer, random streams, step and figures; and how it is computed."""

    def __init__(self, training: Training, context: FitContext) -> None:
        self.training, self.context = training, context
        self.network = training.network.train().requires_grad_(True)
        self.call = training.call or self.network
        self.optimizer = training.schedule.optimizer
        averages = training.average_decay is not None
        self.averaged = copy.deepcopy(self.network).requires_grad_(False) if averages else self.network
        self.noise = training.generator
        if context.device.startswith("cuda"):
            self.noise = torch.Generator(context.device).manual_seed(training.generator.initial_seed())
        self.at_once = context.compute.largest_batch
        self.step = 0
        self.unread: list[Tensor] = []
        self.figures: Figures = {training.keep_lowest: math.inf} if training.keep_lowest else {}
        self.curves: dict[str, list[tuple[int, float]]] = {LOSS: [], VALIDATION: []}  # points: step, value
        self.losses, self.losses_read = 0.0, 0  # their sum and number in this tenth of the training
        self.best: dict[str, Tensor] = {}

    def advance(self, batches: Batches) -> int:
        """One step of the optimizer; gives how many examples it learned from."""
        training = self.training
        examples = training.complete(batches.take(), self.noise)
        self.optimizer.zero_grad(set_to_none=True)
        while True:
            try:
                self.unread.append(self._backward(examples))
                break
            except torch.OutOfMemoryError as error:
                self._smaller_shares(len(examples[0]), error)
        if training.gradient_clip is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), training.gradient_clip)
        self.optimizer.step()
        training.schedule.step()
        self.step += 1
        if training.average_decay is not None:
            update_average(self.averaged, self.network, training.average_decay(self.step))
        return len(examples[0])

    def mean_loss(self) -> float:
        """Mean loss of the steps since it was last asked for; waits for the device."""
        loss = torch.stack(self.unread).mean()
        self.context.together.add_up([loss])
        self.unread = []
        return loss.item()

    def _backward(self, examples: Examples) -> Tensor:
        """Gradients of the mean loss of the batch, as the sum of the shares of all processes; gives this one's loss."""
        together, count = self.context.together, len(examples[0])
        if not self.training.divisible:
            loss = self.training.loss(self.call, examples)
            loss.backward()  # type: ignore[no-untyped-call]
            return loss.detach() / together.size
        own = tuple(tensor.tensor_split(together.size)[together.rank] for tensor in examples)
        at_once = min(self.at_once or count, count)
        losses = []
        for share in zip(*(torch.split(tensor, at_once) for tensor in own), strict=True):
            loss = self.training.loss(self.call, share)
            if len(share[0]) != count:
                loss = loss * (len(share[0]) / count)
            loss.backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach())
        if together.size > 1:
            for parameter in self.network.parameters():
                parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            together.add_up([p.grad for p in self.network.parameters() if p.grad is not None])
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum()

    def _smaller_shares(self, count: int, error: torch.OutOfMemoryError) -> None:
        """Halve the number of examples at once, and forget the gradients so far."""
        self.at_once = min(self.at_once or count, count) // 2
        if self.at_once == 0 or not self.training.divisible:
            raise BenchError(
                f"The GPU's memory is too small to train {self.training.name}: try --recompute-activations, smaller "
                "crops or a narrower network."
            ) from error
        self.optimizer.zero_grad(set_to_none=True)
        torch.cuda.empty_cache()
        self.context.reporter.say(f"{self.training.name}: {self.at_once} examples at once, as more do not fit the GPU")

    def note_loss(self, loss: float) -> None:
        """Count a loss that was read; the mean of each tenth of the training is a point of its curve."""
        self.losses, self.losses_read = self.losses + loss, self.losses_read + 1
        if self._ends_tenth(LOSS):
            self.curves[LOSS].append((self.step, self.losses / self.losses_read))
            self.losses, self.losses_read = 0.0, 0

    def _ends_tenth(self, curve: str) -> bool:
        """Whether a tenth of the training has ended since the last point of this curve."""
        points, steps = self.curves[curve], self.training.steps
        return 10 * self.step // steps > 10 * (points[-1][0] if points else 0) // steps

    @property
    def points(self) -> Figures:
        """The curves as figures of a card, such as "loss at step 200"."""
        return {f"{curve} at step {step}": value for curve, points in self.curves.items() for step, value in points}

    def keep(self, figures: Figures) -> None:
        """Keep the figures of a validation, and the weights with them where the lowest figure decides."""
        lowest, mean = self.training.keep_lowest, sum(figures.values()) / max(1, len(figures))
        if figures and self._ends_tenth(VALIDATION) and math.isfinite(mean):
            self.curves[VALIDATION].append((self.step, mean))
        if lowest is None:
            self.figures = figures
        elif figures[lowest] < self.figures[lowest]:
            self.figures = figures
            self.best = {name: value.clone() for name, value in self.averaged.state_dict().items()}

    def save(self, path: Path, batches_state: Tensor) -> None:
        """Write a checkpoint, so that a killed training goes on: tensors, and the rest as JSON in the header.

        batches_state: of the generator of batches, after the last one that was taken.
        """
        tensors, numbers = self._contents(batches_state)
        with atomic_path(path) as temporary:
            save_file({n: v.contiguous() for n, v in tensors.items()}, temporary, {"numbers": json.dumps(numbers)})

    def resume(self, path: Path) -> bool:
        """Go on from a checkpoint; from the start, and false, when it is damaged or of another version."""
        start = copy.deepcopy(self._contents(self.training.generator.get_state()))
        try:
            with safe_open(path, framework="pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                self._restore(tensors, json.loads(file.metadata()["numbers"]))
        except UNUSABLE:
            self._restore(*start)
            return False
        return True

    def _contents(self, batches_state: Tensor) -> tuple[dict[str, Tensor], dict[str, Any]]:
        random = {"batches": batches_state, "noise": self.noise.get_state(), "torch": torch.get_rng_state()}
        if self.context.device.startswith("cuda"):
            random["cuda"] = torch.cuda.get_rng_state(self.context.device)
        optimizer = self.optimizer.state_dict()
        groups = {
            "network": self.network.state_dict(),
            "averaged": {} if self.averaged is self.network else self.averaged.state_dict(),
            "best": self.best,
            "random": random,
            **{f"optimizer.{index}": moments for index, moments in optimizer["state"].items()},
        }
        numbers = {
            "step": self.step,
            "figures": self.figures,
            "curves": self.curves,
            "losses": [self.losses, self.losses_read],
            "optimizer": optimizer["param_groups"],
            "schedule": self.training.schedule.state_dict(),
        }
        return {f"{group}.{n}": value for group, values in groups.items() for n, value in values.items()}, numbers

    def _restore(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        self.network.load_state_dict(_under("network.", tensors))
        if self.averaged is not self.network:
            self.averaged.load_state_dict(_under("averaged.", tensors))
        self.best = _under("best.", tensors)
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in _under("optimizer.", tensors).items():
            index, moment = name.split(".")
            like = parameters[int(index)]  # moments lie in memory as their parameter does
            value = torch.empty_like(like).copy_(value) if value.shape == like.shape else value
            state.setdefault(int(index), {})[moment] = value
        self.optimizer.load_state_dict({"state": state, "param_groups": numbers["optimizer"]})
        self.training.schedule.load_state_dict(numbers["schedule"])
        self.training.generator.set_state(tensors["random.batches"])
        self.noise.set_state(tensors["random.noise"])
        torch.set_rng_state(tensors["random.torch"])
        if self.context.device.startswith("cuda"):
            torch.cuda.set_rng_state(tensors["random.cuda"], self.context.device)
        self.step, self.figures, self.curves = numbers["step"], numbers["figures"], numbers["curves"]
        self.losses, self.losses_read = numbers["losses"]


@torch.no_grad()
def update_average(averaged: nn.Module, network: nn.Module, decay: float) -> None:
    """Exponential moving average of the parameters, in place; buffers are taken as they are."""
    torch._foreach_lerp_(list(averaged.parameters()), list(network.parameters()), 1 - decay)
    for old, new in zip(averaged.buffers(), network.buffers(), strict=True):
        old.copy_(new)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
