from pathlib import Path

import numpy as np
import pytest

from bench.errors import BenchError
from datasets.lesions.masks import (
    TEMPLATE_HIGH_MM,
    TEMPLATE_LOW_MM,
    brain_bounds_mm,
    draw_masks,
    subject_lesions,
    template_to_subject,
)
from datasets.lesions.shapes import MNI_SHAPE, SIZE_CLASSES, AtlasShapes

ATLAS = Path(__file__).parents[4] / "shared/data/slicer-ms-labels"
VOLUMES = dict(zip(SIZE_CLASSES, (12000, 3000, 800, 300, 80), strict=True))  # mm^3


class NumberedShapes:
    """Masks of one volume a class, each at a place of its own; counts the draws of each class."""

    def __init__(self, volumes=VOLUMES, overlapping=()):
        self.volumes = volumes
        self.overlapping = overlapping
        self.draws = dict.fromkeys(SIZE_CLASSES, 0)
        self.next = 0

    def count(self, size):
        return 7

    def draw(self, size, at_most_mm3, rng):
        self.draws[size] += 1
        volume = self.volumes[size]
        if volume > at_most_mm3:
            return None
        start = 0 if size in self.overlapping else self.next
        self.next += volume
        return np.arange(start, start + volume)


class OneCube:
    """25 voxels wide, in the right hemisphere."""

    def count(self, size):
        return 1

    def draw(self, size, at_most_mm3, rng):
        x, y, z = np.indices((25, 25, 25)).reshape(3, -1) + np.array([[40], [100], [80]])
        cube = np.ravel_multi_index((x, y, z), MNI_SHAPE)
        return cube if len(cube) <= at_most_mm3 else None


def volumes_of(shapes, load_mm3):
    return [len(mask) for mask in draw_masks(shapes, load_mm3, np.random.default_rng(0))]


def test_load_is_spent_from_the_largest_class_down():
    # 20000 - 12000 = 8000; - 3000 = 5000, no more than the ceiling; 5 x 800 leaves 1000, 2 x 300 leaves 400,
    # 4 x 80 leaves 80
    shapes = NumberedShapes()
    assert volumes_of(shapes, 20000) == [12000, 3000, *[800] * 5, *[300] * 2, *[80] * 4]
    assert list(shapes.draws.values()) == [1, 1, 5, 2, 4]


def test_a_class_is_entered_only_above_its_ceiling():
    assert volumes_of(NumberedShapes(), 1000) == [300, 300, *[80] * 4]
    assert volumes_of(NumberedShapes(), 100) == []


def test_too_large_masks_count_as_failed_draws_and_end_the_class():
    shapes = NumberedShapes({**VOLUMES, SIZE_CLASSES[0]: 30000})
    assert volumes_of(shapes, 20000)[0] == 3000
    assert shapes.draws[SIZE_CLASSES[0]] == 7  # as many as the class has masks


def test_only_the_largest_class_may_overlap():
    shapes = NumberedShapes({**VOLUMES, SIZE_CLASSES[0]: 2000}, overlapping=SIZE_CLASSES[:2])
    volumes = volumes_of(shapes, 20000)  # 3 x 2000 leaves 14000: all at one place
    assert volumes[:4] == [2000, 2000, 2000, 800]  # the class 1000-5000 lies there, too: refused
    assert shapes.draws[SIZE_CLASSES[1]] == 7


def test_an_overlap_in_the_smallest_class_is_a_failed_draw():
    class Overlapping(NumberedShapes):
        """Every other mask lies where the first one does."""

        def draw(self, size, at_most_mm3, rng):
            mask = super().draw(size, at_most_mm3, rng)
            return mask if mask is None or self.draws[size] % 2 else np.arange(len(mask))

    shapes = Overlapping()
    assert volumes_of(shapes, 420) == [80, 80, 80, 80]  # 100 remain, the ceiling of the class
    assert shapes.draws[SIZE_CLASSES[-1]] == 7  # of which three overlap
    shapes = NumberedShapes(overlapping=SIZE_CLASSES[-1:])
    assert volumes_of(shapes, 420) == [80]
    assert shapes.draws[SIZE_CLASSES[-1]] == 1 + 7  # as many fail as the class has masks


def test_in_the_smallest_class_the_first_mask_beyond_the_load_ends_the_search():
    shapes = NumberedShapes({**VOLUMES, SIZE_CLASSES[-1]: 150})
    assert volumes_of(shapes, 450) == [150, 150, 150]  # the last one fits exactly
    shapes = NumberedShapes({**VOLUMES, SIZE_CLASSES[-1]: 180})
    assert volumes_of(shapes, 480) == [180, 180]  # 120 remain
    assert shapes.draws[SIZE_CLASSES[-1]] == 3


@pytest.fixture
def brain():
    """The template brain's bounding box, filled, on a grid of 4 mm."""
    affine = np.diag([4.0, 4, 4, 1])
    affine[:3, 3] = (-98, -134, -94)
    places = np.indices((50, 56, 48)).reshape(3, -1).T @ affine[:3, :3].T + affine[:3, 3]
    inside = np.all((places >= TEMPLATE_LOW_MM) & (places <= TEMPLATE_HIGH_MM), axis=1)
    return inside.reshape(50, 56, 48), affine


def test_template_bounds_are_those_of_the_packaged_template():
    from datasets.synthesis.anatomy import Template, load_template, phantom_affine

    mask = load_template().maps[Template.CHANNELS.index("brain")].numpy() > 0.5
    low, high = brain_bounds_mm(mask, phantom_affine())
    assert np.array_equal(low, TEMPLATE_LOW_MM) and np.array_equal(high, TEMPLATE_HIGH_MM)


def test_registered_brains_are_placed_by_their_affine(brain):
    mask, affine = brain
    assert np.array_equal(template_to_subject(mask, affine), np.eye(4))


def test_native_brains_are_aligned_by_their_bounding_box(brain):
    mask, affine = brain
    registered_low, _ = brain_bounds_mm(mask, affine)
    native = np.diag([0.8, 0.9, 1.1, 1.0]) @ affine
    native[:3, 3] += (40, -70, 25)
    to_subject = template_to_subject(mask, native)
    low, _ = brain_bounds_mm(mask, native)
    mapped = to_subject[:3, :3] @ np.array(TEMPLATE_LOW_MM) + to_subject[:3, 3]
    np.testing.assert_allclose(mapped, low)
    assert np.abs(registered_low - TEMPLATE_LOW_MM).max() < 4
    np.testing.assert_allclose(np.diag(to_subject)[:3], [0.8, 0.9, 1.1], rtol=0.05)


def test_orientation_of_the_grid_does_not_matter(brain):
    mask, affine = brain
    flip = np.diag([-1.0, 1, 1, 1])
    flip[0, 3] = mask.shape[0] - 1
    lesions = subject_lesions(OneCube(), 15.7, mask, affine, np.random.default_rng(0))
    flipped = subject_lesions(OneCube(), 15.7, mask[::-1], affine @ flip, np.random.default_rng(0))
    assert lesions.any() and np.array_equal(flipped[::-1], lesions)
    assert not (lesions & ~mask).any()


def test_no_room_for_lesions_is_said(brain):
    mask, affine = brain
    with pytest.raises(BenchError, match=r"No lesion fits into a load of 0\.05 ml"):
        subject_lesions(NumberedShapes(), 0.05, mask, affine, np.random.default_rng(0))


@pytest.mark.skipif(not ATLAS.is_dir(), reason="needs the real atlas")
def test_real_masks_fill_the_load():
    masks = draw_masks(AtlasShapes(ATLAS), 5000, np.random.default_rng(0))
    assert 4800 < sum(map(len, masks)) <= 5000
    assert len(np.unique(np.concatenate(masks))) == sum(map(len, masks))
