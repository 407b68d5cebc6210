"""PatchCore: distance of each patch's features to the nearest of a memory of healthy ones."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from bench.detector import Case, Detector, FitContext, FloatArray, MethodInfo
from methods.diffusion.config import ScoreModelConfig
from methods.diffusion.sampling_runs import check_level
from methods.diffusion.score_model import ScoreModel
from methods.diffusion.tiny import tiny_score_model
from methods.parts.difference import map_of_box
from methods.parts.healthy import HealthyMean, RelativeConfig, RelativeMaps
from methods.parts.memory_bank import MemoryBank, MemoryBankConfig


class PatchCoreConfig(RelativeConfig):
    """Settings of the method."""

    not_in_raw_map: ClassVar[frozenset[str]] = RelativeConfig.not_in_raw_map | {"score_model", "memory"}

    score_model: ScoreModelConfig = Field(
        ScoreModelConfig(), description="the diffusion model, whose encoder gives the features"
    )
    memory: MemoryBankConfig = Field(MemoryBankConfig(), description="features and the memory of healthy ones")

    @model_validator(mode="after")
    def _encoder_has_these(self) -> Self:
        check_level("memory.sigma", self.memory.sigma, self.score_model)
        if not all(0 <= level < len(self.score_model.multipliers) for level in self.memory.levels):
            raise ValueError(f"memory.levels are those of the encoder: 0 to {len(self.score_model.multipliers) - 1}")
        return self


class PatchCore(Detector[PatchCoreConfig]):
    """Distance of a patch's features to the nearest healthy patch, wherever in the brain that was.

    Idea: what no healthy brain shows anywhere is odd. Source: Roth et al. 2022, without their weights of distances;
    the encoder is the score model's, trained on healthy brains, as no pretrained one comes with the package.
    """

    info = MethodInfo(
        name="patchcore",
        title="PatchCore",
        reference="Roth, Pemula, Zepeda, Schoelkopf, Brox, Gehler 2022, doi:10.1109/CVPR52688.2022.01392",
    )

    @classmethod
    def contract_config(cls) -> PatchCoreConfig:
        memory = MemoryBankConfig(levels=(0, 1), patches_per_case=100, patches=50, projection=8)
        return PatchCoreConfig(score_model=tiny_score_model(), memory=memory, healthy_cases=2)

    def fit(self, context: FitContext) -> None:
        """The diffusion model, the memory, and how far patches of healthy images are from it."""
        model = context.fitted(ScoreModel, self.config.score_model)
        memory = context.fitted(MemoryBank, self.config.memory, upstream=model)
        self.maps = RelativeMaps(HealthyDistance, self.config, memory, context)

    def score(self, case: Case) -> FloatArray:
        """(X, Y, Z) float32, zero outside the brain."""
        return self.maps.of(case)


def distance_map(config: PatchCoreConfig, memory: MemoryBank, seed: int, case: Case) -> FloatArray:
    """Distance to the memory: (X, Y, Z) float32, zero outside the brain; nothing is drawn."""
    distance, box = memory.distance(case)
    return map_of_box(case, box, distance.numpy())


class HealthyDistance(HealthyMean[PatchCoreConfig, MemoryBank]):
    """Mean distance of healthy patches to the memory."""

    name = "healthy-distance"

    raw_map = staticmethod(distance_map)
