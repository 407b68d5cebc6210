import torch

from methods.msma.position import position_code, voxel_coordinates


def test_codes_tell_places_apart_and_keep_their_length() -> None:
    mask = torch.ones(6, 7, 8, dtype=torch.bool)
    coordinates = voxel_coordinates(mask)
    code = position_code(coordinates, 128)
    assert code.shape == (6 * 7 * 8, 126)
    assert len(torch.unique(code.round(decimals=4), dim=0)) == 6 * 7 * 8
    torch.testing.assert_close(code.square().sum(1), torch.full((len(code),), 63.0))


def test_coordinates_are_voxel_centres() -> None:
    mask = torch.zeros(2, 4, 4, dtype=torch.bool)
    mask[0, 0, 3] = True
    torch.testing.assert_close(voxel_coordinates(mask), torch.tensor([[-0.5, -0.75, 0.75]]))
