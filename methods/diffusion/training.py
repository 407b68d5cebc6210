"""Training of the score network by denoising score matching, with checkpoints that resume exactly.

Loss: mean of (sigma * score(x + sigma z, sigma) + z)^2 over voxels and channels, with times drawn uniformly,
so that every factor of two in noise level gets the same share. Source: paper section 5.2; Song et al. 2020.
"""

import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from bench.component import FitContext
from bench.errors import BenchError
from bench.files import atomic_path
from bench.seeds import derived_seed
from datasets.case import Cases
from methods.diffusion.config import ScoreModelConfig
from methods.diffusion.network import ScoreNetwork
from methods.diffusion.sde import VarianceExploding, add_noise
from methods.parts.images import ImageBank
from methods.parts.precision import arithmetic, has_bfloat16, training_memory_format

CHECKPOINT_EVERY_S = 60.0
VALIDATIONS = 10  # how often the validation loss is measured over a training
NOISE_BANDS = 4


def train_network(
    network: ScoreNetwork, config: ScoreModelConfig, train: Cases, validation: Cases, context: FitContext
) -> dict[str, float]:
    """Train in place; the network ends with the averaged weights. Returns the validation loss of each noise band."""
    bank = ImageBank.load(train, context, "reading training images")
    loss_on_validation = validation_loss(config, validation, context)
    state = TrainingState(network, config, context)
    saved = time.monotonic()
    losses: dict[str, float] = {}
    with context.progress("training the score model", config.iterations) as tick:
        tick(state.step)
        while state.step < config.iterations:
            loss = state.train_step(bank)
            if not math.isfinite(loss):
                raise BenchError(
                    f"The score model diverged at step {state.step}: lower score_model.learning_rate or set "
                    "score_model.bfloat16=false."
                )
            note = f"loss {loss:.3f}" if state.step % 20 == 0 else ""
            if state.step % max(1, config.iterations // VALIDATIONS) == 0 or state.step == config.iterations:
                losses = loss_on_validation(state.averaged())
                note = "validation " + ", ".join(f"{band} {value:.3f}" for band, value in losses.items())
            if time.monotonic() - saved > CHECKPOINT_EVERY_S:
                state.save()
                saved = time.monotonic()
            tick(1, note)
    network.load_state_dict(state.average)
    state.discard()
    return losses


class TrainingState:
    """All that changes while training: weights, their average, Adam's moments, the step, the random stream."""

    def __init__(self, network: ScoreNetwork, config: ScoreModelConfig, context: FitContext) -> None:
        self.config = config
        self.device = context.device
        self.network = network.to(device=context.device, memory_format=training_memory_format(context.device)).train()  # type: ignore[call-overload]
        self.process = VarianceExploding(config.sigma_min, config.sigma_max)
        self.optimizer = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
        self.average = {name: value.detach().clone() for name, value in network.state_dict().items()}
        self.step = 0
        self.generator = torch.Generator().manual_seed(derived_seed(context.seed, "score-model", "training"))
        self.path: Path | None = None
        if context.checkpoint_folder is not None:
            self.path = context.checkpoint_folder / "score-model.safetensors"
            if self.path.exists():
                self.resume()

    def train_step(self, bank: ImageBank) -> float:
        """One step of Adam on one batch; returns the loss."""
        config = self.config
        doubled = self.step >= config.double_batch_at * config.iterations
        images = bank.crops(config.batch_size * (2 if doubled else 1), config.crop_size, self.generator)
        if config.augmentation == "paper":
            from methods.parts.augmentation import augment

            images = augment(images, self.generator)
        sigma = self.process.sigma(torch.rand(len(images), generator=self.generator).clamp(min=1e-5))
        noisy, noise = add_noise(images, sigma, self.generator)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(config, self.step)
        loss = denoising_loss(self.network, noisy, noise, sigma, self.device, config.bfloat16)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), config.gradient_clip)
        self.optimizer.step()
        self.step += 1
        self._update_average()
        return loss.item()

    def _update_average(self) -> None:
        # Early on, a long average would still hold the initial weights.
        decay = min(self.config.average_decay, (1 + self.step) / (10 + self.step))
        weights = self.network.state_dict()
        torch._foreach_lerp_(list(self.average.values()), [weights[n] for n in self.average], 1 - decay)

    def averaged(self) -> Callable[[Tensor, Tensor], Tensor]:
        """The network with its averaged weights, as a function."""
        return lambda x, sigma: torch.func.functional_call(self.network, self.average, (x, sigma))

    def save(self) -> None:
        """Write a checkpoint beside the store, so that a killed training goes on."""
        if self.path is None:
            return
        tensors = {f"weights.{n}": v for n, v in self.network.state_dict().items()}
        tensors |= {f"average.{n}": v for n, v in self.average.items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"adam.{index}.{n}": v for n, v in moments.items()}
        tensors["step"] = torch.tensor(self.step)
        tensors["generator"] = self.generator.get_state()
        with atomic_path(self.path) as temporary:
            save_file({n: v.contiguous() for n, v in tensors.items()}, temporary)

    def resume(self) -> None:
        """Go on from the checkpoint."""
        assert self.path is not None
        tensors = load_file(self.path)
        self.network.load_state_dict(_under("weights.", tensors))
        self.average = {n: v.to(self.device) for n, v in _under("average.", tensors).items()}
        adam: dict[int, dict[str, Tensor]] = {}
        for name, value in _under("adam.", tensors).items():
            index, moment = name.split(".", 1)
            adam.setdefault(int(index), {})[moment] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": adam})
        self.step = int(tensors["step"])
        self.generator.set_state(tensors["generator"])

    def discard(self) -> None:
        """Remove the checkpoint once the training is over."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def learning_rate(config: ScoreModelConfig, step: int) -> float:
    """Linear warm-up, then constant or cosine decay to a tenth."""
    rate = config.learning_rate * min(1.0, (step + 1) / max(1, config.warm_up))
    if config.decay_learning_rate:
        rate *= 0.55 + 0.45 * math.cos(math.pi * step / config.iterations)
    return rate


def denoising_loss(
    network: Callable[[Tensor, Tensor], Tensor],
    noisy: Tensor,
    noise: Tensor,
    sigma: Tensor,
    device: str,
    bfloat16: bool,
) -> Tensor:
    """Mean squared difference of the estimated and the true noise."""
    noisy = noisy.to(device).contiguous(memory_format=training_memory_format(device))
    with arithmetic(device, bfloat16):
        estimate = network(noisy, sigma.to(device))
    return (estimate.float() + noise.to(device)).square().mean()


def validation_loss(
    config: ScoreModelConfig, validation: Cases, context: FitContext
) -> Callable[[Callable[[Tensor, Tensor], Tensor]], dict[str, float]]:
    """A function from a network to its loss per noise band, on crops, noise and levels that stay the same."""
    generator = torch.Generator().manual_seed(derived_seed(context.seed, "score-model", "validation"))
    bank = ImageBank.load(validation[: min(8, len(validation))], context, "reading validation images")
    process = VarianceExploding(config.sigma_min, config.sigma_max)
    edges = process.sigma(torch.linspace(0, 1, NOISE_BANDS + 1))
    batches = []
    for band in range(NOISE_BANDS):
        images = bank.crops(8, config.crop_size or 32, generator)
        sigma = process.sigma((band + torch.rand(len(images), generator=generator)) / NOISE_BANDS)
        batches.append((*add_noise(images, sigma, generator), sigma))

    @torch.no_grad()
    def measure(network: Callable[[Tensor, Tensor], Tensor]) -> dict[str, float]:
        bfloat16 = config.bfloat16 and has_bfloat16(context.device)
        return {
            f"{edges[band]:.2g}-{edges[band + 1]:.2g}": denoising_loss(
                network, noisy, noise, sigma, context.device, bfloat16
            ).item()
            for band, (noisy, noise, sigma) in enumerate(batches)
        }

    return measure
