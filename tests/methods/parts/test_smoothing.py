import pytest
import torch

from methods.parts.smoothing import grown, halved, local_mean


def test_the_prior_stands_in_where_no_case_was_seen(inside):
    total, count = 4 * 2.0 * inside.astype(float), 4 * inside.astype(float)
    total[5, 5, 4] += 4
    mean = local_mean(total, count, 0.5, prior_cases=0.5)
    overall = total.sum() / count.sum()
    assert mean[0, 0, 0] == pytest.approx(overall, rel=1e-6)
    assert mean[5, 5, 4] > 2.2
    assert abs(local_mean(total, count, 0.5, prior_cases=50)[5, 5, 4] - overall) < abs(mean[5, 5, 4] - overall)


def test_the_coarse_grid_is_the_mean_of_cells_and_comes_back():
    ramp = torch.arange(7.0)[:, None, None].expand(7, 6, 4)[None]
    assert halved(ramp).shape == (1, 3, 3, 2) and halved(ramp, whole=True).shape == (1, 4, 3, 2)
    assert halved(ramp, whole=True)[0, :, 0, 0].tolist() == [0.5, 2.5, 4.5, 6.0]
    assert grown(halved(ramp), (7, 6, 4)).shape == ramp.shape
    even = torch.full((1, 8, 6, 4), 3.0)
    assert torch.equal(grown(halved(even), (8, 6, 4)), even)
