# mypy: allow-untyped-defs, allow-untyped-decorators
"""The predictions of all thresholds at once, and their surfaces: a row of bits per voxel."""

import numpy as np

from metrics.kernels.bits import ONE, ZERO, lowest_bit
from metrics.kernels.compiled import compiled


@compiled
def predictions(order, first, last, before, steps, allowed):
    """Bit k of a voxel's row (N, words): whether the dilated prediction of threshold k holds it.

    A voxel that survives at first <= k < last spreads those bits by `steps` (0 among them), where allowed (N,).
    before: the rows of metrics.kernels.bits.bits_before.
    """
    rows = np.zeros((allowed.size, before.shape[1]), dtype=np.uint64)
    for voxel in order:
        if first[voxel] < last[voxel]:
            for step in steps:
                if allowed[voxel + step]:
                    for w in range(before.shape[1]):
                        rows[voxel + step, w] |= before[last[voxel], w] & ~before[first[voxel], w]
    return rows


@compiled
def surfaces(rows, steps):
    """Bit k of a row: whether the voxel is on the surface of prediction k, some of the `steps` leading out of it.

    Returns the voxels that are on any surface (M,), and their rows (M, words).
    """
    n_words = rows.shape[1]
    voxels = np.empty(rows.shape[0], dtype=np.int32)
    surface = np.empty((rows.shape[0], n_words), dtype=np.uint64)
    count = 0
    for voxel in range(rows.shape[0]):
        on_any = False
        for w in range(n_words):
            if rows[voxel, w] != ZERO:
                inside = rows[voxel, w]
                for step in steps:
                    inside &= rows[voxel + step, w]
                surface[count, w] = rows[voxel, w] & ~inside
            else:
                surface[count, w] = ZERO
            on_any |= surface[count, w] != ZERO
        if on_any:
            voxels[count] = voxel
            count += 1
    return voxels[:count].copy(), surface[:count].copy()


@compiled
def sums_to_truth(voxels, rows, squared_distance, sums, counts):
    """Per threshold, add the distances of all surface voxels of the prediction to the truth, and their number."""
    for i in range(voxels.size):
        distance = np.sqrt(squared_distance[voxels[i]])
        for w in range(rows.shape[1]):
            word = rows[i, w]
            while word != ZERO:
                k = 64 * w + lowest_bit(word)
                sums[k] += distance
                counts[k] += 1
                word &= word - ONE
