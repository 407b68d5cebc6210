"""Density of healthy patch features (score norms, signed means) given place and image: p(s_p | p, h(x)).

Source: paper section 4.1. The flow sees the norms as they are, their logarithms, or the logarithms standardised by the
mean and standard deviation of healthy ones around the same place. It then learns what that leaves: the shape of the
distribution, how noise levels go together, and what changes with place and subject. Signed means go the same way, but
have no logarithm.
"""

import math
from dataclasses import replace
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from bench.component import Component, FitContext
from bench.errors import BenchError
from bench.seeds import derived_seed
from datasets.case import Case, Cases
from methods.diffusion.score_model import ScoreModel
from methods.msma.case_moments import CaseMoments, middle_and_spread
from methods.msma.conditional import ConditionalDensity, Draw, Patches, train_density
from methods.msma.config import PatchDensityConfig
from methods.msma.embedding import Shape
from methods.msma.kept_norms import KeptPatches, kept
from methods.msma.local_moments import LocalMoments
from methods.msma.position import voxel_coordinates
from methods.msma.score_norms import score_features, watched
from methods.parts.augmentation import augment
from methods.parts.smoothing import grown

SMALLEST_NORM = 1e-4


class Moments(NamedTuple):
    """Mean and standard deviation of healthy features around each place: (K, x, y, z) at half resolution."""

    mean: Tensor
    sd: Tensor


class PatchDensity(Component[PatchDensityConfig, ScoreModel]):
    """Negative log-likelihood of every voxel's patch, given a score model."""

    name = "patch-density"
    version = 2

    def __init__(
        self,
        config: PatchDensityConfig,
        model: ScoreModel,
        shape: Shape,
        moments: Moments | None,
        density: ConditionalDensity | None,
        seed: int = 0,
    ) -> None:
        self.config = config
        self.model = model
        self.shape = shape
        self.seed = seed  # of the noise, where features are those of noisy images
        self.moments = moments
        self.density = density
        self.figures: dict[str, float] = {}

    @classmethod
    def train(cls, config: PatchDensityConfig, context: FitContext, upstream: ScoreModel) -> Self:
        shape = context.train[0].brain_mask.shape
        found = cls(config, upstream, shape, None, None, context.seed)
        features: list[Tensor] = []
        if config.norms == "standardised" or config.augmentation == "none":
            folder = context.checkpoint_folder
            for number, case in enumerate(watched(context.train, context, "training")):
                features.append(kept(found.features(case), folder, number))
        if config.norms == "standardised":
            found.moments = local_moments(config, features, context)
        if config.density == "gaussian":
            return found
        if config.augmentation == "none":
            draw = found.unchanged_images(context.train, features)
        else:
            draw = found.augmented_images(context.train)
        held_out = [
            found.patches(case, found.features(case)) for case in watched(context.validation, context, "validation")
        ]
        seed = derived_seed(context.seed, "patch-density")
        generator = torch.Generator().manual_seed(seed)
        found.density = ConditionalDensity(config, len(context.channels), shape, seed).to(context.device)
        found.figures, found.speed = train_density(found.density, draw, held_out, generator, context)
        return found

    def unchanged_images(self, train: Cases, features: list[Tensor]) -> Draw:
        """Draws a step's images among those whose features are known."""
        count = self.config.images_per_step
        mean, sd = None, None
        if self.moments is not None:
            mean, sd = (grown(moments, self.shape).flatten(1).T.contiguous() for moments in self.moments)
        sources = []
        for index, case in enumerate(train):
            standardised, own = self.standardised(case, features[index].to(self.model.device))
            source = KeptPatches(
                norms=features[index],
                voxels=np.flatnonzero(case.brain_mask).astype(np.int32),
                shape=self.shape,
                mean=mean,
                sd=sd,
                own=own.cpu() if own else None,
                summary=summary(standardised).cpu(),
                cases=train if self.config.embedding_features else None,
                index=index,
            )
            sources.append(source)
        return lambda generator: [sources[i] for i in torch.randint(len(sources), (count,), generator=generator)]

    def augmented_images(self, train: Cases) -> Draw:
        """Draws a step's images and augments them; the score model then sees each of them anew."""

        def draw(generator: torch.Generator) -> list[Patches]:
            chosen = torch.randint(len(train), (self.config.images_per_step,), generator=generator)
            cases = [augmented(train[index], generator) for index in chosen.tolist()]
            return [self.patches(case, self.features(case)) for case in cases]

        return draw

    def state(self) -> dict[str, Tensor]:
        state = {"shape": torch.tensor(self.shape), "seed": torch.tensor(self.seed)}
        state |= self.moments._asdict() if self.moments else {}
        if self.density is not None:
            state |= {f"density.{name}": value for name, value in self.density.state_dict().items()}
        return state

    @classmethod
    def restore(cls, config: PatchDensityConfig, state: dict[str, Tensor], device: str, upstream: ScoreModel) -> Self:
        x, y, z = (int(edge) for edge in state["shape"])
        moments = None
        if config.norms == "standardised":
            moments = Moments(state["mean"].float().to(device), state["sd"].float().to(device))
        density = None
        if config.density == "flow":
            density = ConditionalDensity(config, upstream.network.first.in_channels, (x, y, z), seed=0)
            weights = {n.removeprefix("density."): v for n, v in state.items() if n.startswith("density.")}
            density.load_state_dict({n: v.float() if v.is_floating_point() else v for n, v in weights.items()})
            density.to(device).eval().requires_grad_(False)
        return cls(config, upstream, (x, y, z), moments, density, int(state.get("seed", torch.tensor(0))))

    def features(self, case: Case) -> Tensor:
        """(N, K) features of the N brain voxels of a case: float32, or in float16 with the logarithms of norms."""
        config = self.config
        levels = self.model.process.noise_levels(config.noise_levels, config.highest_sigma, config.lowest_sigma)
        of_level = config.patch_features.of
        found = score_features(self.model, case, levels, of_level, config.noise_draws, self.seed)
        found = found[:, torch.from_numpy(case.brain_mask).to(found.device)].T
        if config.norms == "raw":
            return found
        are_norms = torch.tensor(config.are_norms(len(case.image)), device=found.device)
        return torch.where(are_norms, found.clamp(min=SMALLEST_NORM).log(), found).half()

    def standardised(self, case: Case, features: Tensor) -> tuple[Tensor, CaseMoments | None]:
        """Features (N, K) of the N brain voxels of a case as the flow sees them, and the case's own moments if it asks.

        BenchError on another grid.
        """
        if case.brain_mask.shape != self.shape:
            raise BenchError(
                f"{case.id} has a grid of {case.brain_mask.shape} voxels, but the patch density was fitted on "
                f"{self.shape}: prepare both with the same settings."
            )
        features = features.float()
        if self.moments is None:
            return features, None
        mask = torch.from_numpy(case.brain_mask).to(features.device)
        mean, sd = (grown(moments.to(features.device), self.shape)[:, mask].T for moments in self.moments)
        features = (features - mean) / sd
        if not self.config.case_moments:
            return features, None
        own = CaseMoments.of(case, features)
        return own.standardise(features), own

    def patches(self, case: Case, features: Tensor) -> Patches:
        """The same with what the flow is told of them."""
        features, _ = self.standardised(case, features)
        mask = torch.from_numpy(case.brain_mask).to(features.device)
        image = torch.from_numpy(case.image) if self.config.embedding_features else None
        return Patches(features, voxel_coordinates(mask), summary(features), image)

    @torch.no_grad()
    def negative_log_likelihood(self, case: Case) -> np.ndarray:
        """(X, Y, Z) float32, in nats, of the features with norms or log norms; outside the brain the lowest inside.

        Of standardised features, or the largest square of one of them, where `reading` says so.
        """
        return self.anomaly_map(case, self.patches(case, self.features(case)))

    @torch.no_grad()
    def anomaly_map(self, case: Case, patches: Patches) -> np.ndarray:
        """The same of a case whose patches are known."""
        if self.config.one_sided:
            are_norms = torch.tensor(self.config.are_norms(len(case.image)), device=patches.norms.device)
            patches = patches._replace(norms=torch.where(are_norms, patches.norms.clamp(min=0), patches.norms))
        if self.density is not None:
            values = -self.density.log_likelihood(patches, self.model.device)
        elif self.config.reading == "largest":
            values = patches.norms.square().amax(dim=1)
        else:
            values = 0.5 * (patches.norms.square() + math.log(2 * math.pi)).sum(dim=1)
        mask = torch.from_numpy(case.brain_mask).to(values.device)
        if self.config.reading == "likelihood":
            values += self.log_deviations(mask)
        return spread(values[:, None], mask, float(values.min()))[0].cpu().numpy()

    def log_deviations(self, mask: Tensor) -> Tensor:
        """(N,) sum of the logarithms of the healthy standard deviations at the N voxels of a mask; 0 without them.

        The change of variables from features to standardised ones: where healthy ones vary little, their density is
        high, and the same z-score is less unlikely.
        """
        if self.moments is None:
            return torch.zeros(int(mask.sum()), device=mask.device)
        return grown(self.moments.sd.to(mask.device), self.shape)[:, mask].log().sum(dim=0)


def local_moments(config: PatchDensityConfig, features: list[Tensor], context: FitContext) -> Moments:
    """Healthy mean and standard deviation around each place."""
    shape = context.train[0].brain_mask.shape
    moments = LocalMoments(config.are_norms(len(context.channels)), shape, context.device)
    for case, values in zip(context.train, features, strict=True):
        mask = torch.from_numpy(case.brain_mask).to(context.device)
        moments.add(spread(values.to(context.device), mask), case.brain_mask)
    return Moments(*moments.finish(config.smoothing_voxels))


def augmented(case: Case, generator: torch.Generator) -> Case:
    """The case with its image augmented, and the brain where any channel is above background."""
    image = augment(torch.from_numpy(case.image)[None], generator)[0].numpy()
    return replace(case, image=image, brain_mask=image.max(axis=0) > -1)


def summary(norms: Tensor) -> Tensor:
    """(2 K,) median and half of the central 68 % of an image's norms, less 1: how sharp and noisy it is.

    Lesions are a hundredth of the brain and hardly move them.
    """
    middle, spread = middle_and_spread(norms)
    return torch.cat([middle, spread - 1])


def spread(values: Tensor, mask: Tensor, outside: float = 0.0) -> Tensor:
    """Put the values (N, K) of the voxels of a (X, Y, Z) mask back in place: (K, X, Y, Z) float32."""
    volume = torch.full((values.shape[1], *mask.shape), outside, dtype=torch.float32, device=values.device)
    volume[:, mask] = values.T.float()
    return volume
