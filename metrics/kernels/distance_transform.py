# mypy: allow-untyped-defs, allow-untyped-decorators
"""Exact Euclidean distance transform by lower envelopes of parabolas (Felzenszwalb & Huttenlocher 2012)."""

import numpy as np

from metrics.kernels.compiled import compiled


@compiled
def squared_distance_transform(mask, spacing):
    """Squared distance of each voxel (X, Y, Z) to the nearest voxel of the mask, infinite when it is empty.

    spacing (3,): voxel size along each axis; distances are in its unit.
    """
    n_x, n_y, n_z = mask.shape
    result = np.where(mask, 0.0, np.inf)
    longest = max(n_x, n_y, n_z)
    line = np.empty(longest)
    centre = np.empty(longest, dtype=np.int64)
    start = np.empty(longest)
    for x in range(n_x):
        for y in range(n_y):
            if mask[x, y].any():
                line[:n_z] = result[x, y]
                _lower_envelope(line[:n_z], spacing[2] ** 2, centre, start, result[x, y])
        for z in range(n_z):
            line[:n_y] = result[x, :, z]
            _lower_envelope(line[:n_y], spacing[1] ** 2, centre, start, result[x, :, z])
    for y in range(n_y):
        for z in range(n_z):
            line[:n_x] = result[:, y, z]
            _lower_envelope(line[:n_x], spacing[0] ** 2, centre, start, result[:, y, z])
    return result


@compiled
def _lower_envelope(values, squared_spacing, centre, start, result):
    """result[i] = min over j of values[j] + squared_spacing (i - j)^2. centre, start: room to work in."""
    last = -1
    for q in range(values.size):
        if values[q] == np.inf:
            continue
        begin = -np.inf
        while last >= 0:
            p = centre[last]
            begin = ((values[q] - values[p]) / squared_spacing + q * q - p * p) / (2 * (q - p))
            if begin > start[last]:
                break
            last -= 1
        last += 1
        centre[last] = q
        start[last] = begin
    if last < 0:
        result[:] = np.inf
        return
    parabola = 0
    for i in range(values.size):
        while parabola < last and start[parabola + 1] < i:
            parabola += 1
        result[i] = values[centre[parabola]] + squared_spacing * (i - centre[parabola]) ** 2
