"""What a user chooses about simulated lesions."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from bench.settings import AbsolutePath
from datasets.lesions.sets import DEFAULT_GENERATOR, HELP, NAMES, LesionSet, lesion_set


def _known_set(name: str) -> str:
    if name not in NAMES:
        raise PydanticCustomError("lesion_set", "it should be one of {names}", {"names": ", ".join(NAMES)})
    return name


class LesionSettings(BaseModel):
    """How lesions are put into healthy scans. A generator reads the fields that it knows what to do with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    set: Annotated[str, AfterValidator(_known_set)] = Field("paper", description=HELP)
    lesion_load_ml: float = Field(20.0, ge=0.5, le=200, description="volume of all lesions in MNI152 space, in ml")
    enhancement: float = Field(
        1.5, ge=1, le=5, description="factor on the lesion voxels of the prepared image, in the set paper"
    )
    atlas: AbsolutePath | None = Field(
        None, description="folder of real lesion masks, SIZECLASS/N.nii.gz; None for procedural shapes"
    )
    soft_fwhm_mm: float | None = Field(
        None, gt=0, le=10, description="blur of the set soft in mm; None to estimate it from the image"
    )
    generator: str = Field(DEFAULT_GENERATOR, description="which lesion generator puts them in")

    @property
    def lesion_set(self) -> LesionSet:
        """The set that is named."""
        return lesion_set(self.set)

    @property
    def largest(self) -> float:
        """How far from 0 the lesion voxels of prepared images may lie; all others lie in [-1, 1]."""
        return self.enhancement if self.lesion_set.enhance else 1.0


def described(settings: LesionSettings) -> str:
    """One line about simulated lesions, for the description of a dataset."""
    if settings.lesion_set.healthy:
        return "none, the test cases stay healthy"
    by = "" if settings.generator == DEFAULT_GENERATOR else f" by {settings.generator}"
    shapes = "real shapes" if settings.atlas else "procedural shapes"
    return f"simulated{by}, set {settings.set}, {settings.lesion_load_ml:g} ml, {shapes}"
