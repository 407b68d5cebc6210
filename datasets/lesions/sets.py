"""The lesion sets: how visible simulated lesions are. All but `none` have the same masks."""

from dataclasses import dataclass

DEFAULT_GENERATOR = "mslesionsimulator"  # what makes the lesions; here, so that help texts need no heavy import


@dataclass(frozen=True)
class LesionSet:
    """What is done to the voxels of a lesion mask.

    Attributes:
        name: What `--lesion-set` takes; part of fingerprints.
        description: A few words for help texts.
        enhance: Multiply the lesion voxels of the prepared image (`datasets.lesions.enhancement`), no matter which
            generator made them.
        noisy: Noise within lesions that never passed a scanner: it is drawn for each voxel.
        blurred: Edges as blurred as the image's own.
        healthy: No lesion at all; test cases stay as they are.
    """

    name: str
    description: str
    enhance: bool = False
    noisy: bool = True
    blurred: bool = False
    healthy: bool = False


LESION_SETS = (
    LesionSet("paper", "enhanced", enhance=True),
    LesionSet("plain", "not enhanced"),
    LesionSet("soft", "without noise and sharp edges", noisy=False, blurred=True),
    LesionSet("none", "healthy test cases", healthy=True),
)
NAMES = tuple(one.name for one in LESION_SETS)
HELP = "; ".join(f"{one.name}: {one.description}" for one in LESION_SETS)


def lesion_set(name: str) -> LesionSet:
    """The lesion set of that name. KeyError for a name that is none."""
    return {one.name: one for one in LESION_SETS}[name]
