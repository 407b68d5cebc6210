import pytest
import torch

from methods.diffusion.checkerboard import hidden_half


def flag_flipped_in_loops(shape, cell, start):
    """What the authors' code does, written out."""
    mask, flag = torch.zeros(shape, dtype=torch.bool), start
    for x in range(0, shape[0], cell):
        for y in range(0, shape[1], cell):
            for z in range(0, shape[2], cell):
                mask[x : x + cell, y : y + cell, z : z + cell] = flag
                flag = not flag
    return mask


def test_cells_that_share_a_face_differ_along_every_axis():
    mask = hidden_half((12, 8, 10), 2, "checkerboard", run=0)
    for axis in range(3):
        size = mask.shape[axis] - 2
        assert torch.equal(mask.narrow(axis, 0, size), ~mask.narrow(axis, 2, size))
    cell = mask[:2, :2, :2]
    assert cell.all() or not cell.any()


@pytest.mark.parametrize("pattern", ["checkerboard", "authors-code"])
def test_the_next_run_hides_the_other_half(pattern):
    first, second, third = (hidden_half((7, 8, 10), 3, pattern, run) for run in range(3))
    assert torch.equal(first, ~second)
    assert torch.equal(first, third)


@pytest.mark.parametrize("shape", [(9, 9, 9), (12, 12, 12), (12, 9, 12), (9, 12, 9), (7, 8, 10)])
def test_the_authors_mask_is_one_flag_flipped_in_loops(shape):
    assert torch.equal(hidden_half(shape, 3, "authors-code", run=0), flag_flipped_in_loops(shape, 3, True))


def test_the_authors_mask_is_a_checkerboard_on_odd_counts_only():
    odd, even = (9, 9, 9), (12, 12, 12)
    assert torch.equal(hidden_half(odd, 3, "authors-code", 0), hidden_half(odd, 3, "checkerboard", 0))
    sheets = hidden_half(even, 3, "authors-code", 0)
    assert not torch.equal(sheets, hidden_half(even, 3, "checkerboard", 0))
    assert torch.equal(sheets[0, 0].expand_as(sheets), sheets)  # nothing changes along the first two axes
