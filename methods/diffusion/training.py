"""Training of the score network by denoising score matching.

Loss: mean of (sigma * score(x + sigma z, sigma) + z)^2 over voxels and channels, with times drawn uniformly,
so that every factor of two in noise level gets the same share. Source: paper section 5.2; Song et al. 2020.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from bench.component import FitContext
from bench.seeds import derived_seed
from methods.diffusion.config import ScoreModelConfig
from methods.diffusion.network import ScoreNetwork
from methods.diffusion.sde import add_noise
from methods.parts.ahead import Examples, Prepare
from methods.parts.augmentation import augmentation_seed, augmented
from methods.parts.compiling import translated
from methods.parts.images import ImageBank
from methods.parts.precision import arithmetic, training_memory_format
from methods.parts.training import Training, fused, tenth_or_5000
from methods.parts.training_loop import Trained, run_training

NOISE_BANDS = 4
VALIDATION_IMAGES = 8


def train_network(network: ScoreNetwork, config: ScoreModelConfig, context: FitContext) -> Trained:
    """Train in place; the network ends with the averaged weights. Figures: the validation loss of each noise band."""
    trained = run_training(score_training(network, config, context), context)
    network.recompute_activations = False
    return trained


def score_training(network: ScoreNetwork, config: ScoreModelConfig, context: FitContext) -> Training:
    """The training of the network, ready to run; the network lies on the context's device from now on."""
    device = context.device
    memory_format = training_memory_format(device)
    network.to(device=device, memory_format=memory_format)  # type: ignore[call-overload]
    network.recompute_activations = context.compute.recompute_activations
    bank = ImageBank.load(context.train, context, "reading training images", device)

    def draw(step: int, generator: torch.Generator) -> Prepare:
        doubled = step >= config.double_batch_at * config.iterations
        count = config.batch_size * (2 if doubled else 1)
        images = bank.drawn(count, config.crop_size, generator)
        seed = augmentation_seed(generator) if config.augmentation == "authors-code" else None
        sigma = config.process().sigma(torch.rand(count, generator=generator).clamp(min=1e-5))
        return lambda: (images() if seed is None else augmented(images(), seed), sigma.to(device))

    def complete(examples: Examples, generator: torch.Generator) -> Examples:
        images, sigma = examples
        noisy, noise = add_noise(images, sigma, generator)
        return noisy, noise, sigma

    # The schedule gives the rate itself: a factor of 1.
    optimizer = torch.optim.Adam(network.parameters(), lr=1.0, fused=fused(device))
    return Training(
        name="the score model",
        remedy="lower score_model.learning_rate or set score_model.bfloat16=false",
        network=network,
        call=translated(network, context),
        schedule=torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate(config, step)),
        generator=torch.Generator().manual_seed(derived_seed(context.seed, "score-model", "training")),
        steps=config.iterations,
        draw=draw,
        complete=complete,
        loss=lambda call, examples: denoising_loss(call, *examples, bfloat16=config.bfloat16),
        gradient_clip=config.gradient_clip,
        # Early on, a long average would still hold the initial weights.
        average_decay=lambda step: min(config.average_decay, (1 + step) / (10 + step)),
        validate=validation_loss(config, context),
        validate_every=tenth_or_5000(config.iterations),
        note=lambda bands: "validation " + ", ".join(f"{band} {value:.3f}" for band, value in bands.items()),
        show_loss=True,
    )


def learning_rate(config: ScoreModelConfig, step: int) -> float:
    """Linear warm-up, then constant or cosine decay to a tenth."""
    rate = config.learning_rate * min(1.0, (step + 1) / max(1, config.warm_up))
    if config.decay_learning_rate:
        rate *= 0.55 + 0.45 * math.cos(math.pi * step / config.iterations)
    return rate


def denoising_loss(
    network: Callable[[Tensor, Tensor], Tensor], noisy: Tensor, noise: Tensor, sigma: Tensor, *, bfloat16: bool
) -> Tensor:
    """Mean squared difference of the estimated and the true noise."""
    device = str(noisy.device)
    noisy = noisy.contiguous(memory_format=training_memory_format(device))
    with arithmetic(device, bfloat16):
        estimate = network(noisy, sigma)
    return (estimate.float() + noise).square().mean()


def validation_loss(
    config: ScoreModelConfig, context: FitContext
) -> Callable[[Callable[[Tensor, Tensor], Tensor]], dict[str, float]]:
    """A function from a network to its loss per noise band, on images, noise and levels that stay the same.

    The images are whole where the training's are: one at a time then, which takes no more memory than training does.
    """
    generator = torch.Generator().manual_seed(derived_seed(context.seed, "score-model", "validation"))
    some = context.validation[: min(VALIDATION_IMAGES, len(context.validation))]
    bank = ImageBank.load(some, context, "reading validation images", "cpu")
    sigma_at = config.process().sigma
    edges = sigma_at(torch.linspace(0, 1, NOISE_BANDS + 1))
    bands: dict[str, list[tuple[Tensor, Tensor, Tensor]]] = {}
    for band in range(NOISE_BANDS):
        images = bank.crops(VALIDATION_IMAGES, config.crop_size, generator)
        sigma = sigma_at((band + torch.rand(len(images), generator=generator)) / NOISE_BANDS)
        noisy, noise = add_noise(images, sigma, generator)
        at_once = VALIDATION_IMAGES if config.crop_size else 1
        batches = (torch.split(part, at_once) for part in (noisy, noise, sigma))
        bands[f"{edges[band]:.2g}-{edges[band + 1]:.2g}"] = list(zip(*batches, strict=True))

    @torch.no_grad()
    def measure(network: Callable[[Tensor, Tensor], Tensor]) -> dict[str, float]:
        def loss(*examples: Tensor) -> Tensor:
            noisy, noise, sigma = (each.to(context.device) for each in examples)
            return denoising_loss(network, noisy, noise, sigma, bfloat16=config.bfloat16)

        return {
            name: float(torch.stack([loss(noisy, noise, sigma) for noisy, noise, sigma in batches]).mean())
            for name, batches in bands.items()
        }

    return measure
