# mypy: allow-untyped-defs, allow-untyped-decorators
"""From one point to the nearest surface voxel of every threshold's prediction at once."""

import numpy as np
import numpy.typing as npt

from metrics.kernels.bits import ONE, ZERO, highest_bit, lowest_bit
from metrics.kernels.compiled import compiled

BLOCK = 8  # voxels along each side of a block
NEAR_VOXELS = 3  # radius of the ball that is searched voxel by voxel


def near_ball(spacing: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Offsets (M, 3) of a small ball in order of distance, and these distances; complete up to its radius."""
    offsets = np.indices((2 * NEAR_VOXELS + 1,) * 3).reshape(3, -1).T - NEAR_VOXELS
    distance = np.linalg.norm(offsets * spacing, axis=1)
    order = np.argsort(distance, kind="stable")
    order = order[distance[order] <= NEAR_VOXELS * spacing.min()]
    return offsets[order], distance[order]


def block_steps(
    shape: tuple[int, ...], spacing: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Steps between blocks (B, 3) in order of the least squared distance between their voxels, and that (B,)."""
    blocks = -(-np.array(shape) // BLOCK)
    steps = np.indices(tuple(2 * blocks - 1)).reshape(3, -1).T - (blocks - 1)
    gap = (((np.maximum(np.abs(steps) * BLOCK - BLOCK + 1, 0)) * spacing) ** 2).sum(axis=1)
    order = np.argsort(gap, kind="stable")
    return steps[order], gap[order]


@compiled
def grouped(voxels, rows, shape):
    """Sort surface voxels (M,) with their rows (M, words) by cubic blocks of the volume, and in each by `highest`.

    Returns positions (M, 3) and rows (M, words) in block order; highest (M,), the highest threshold of each, falling
    in each block; begin (X, Y, Z blocks) and end, where each block lies in them; union (X, Y, Z blocks, words), the
    bits that occur in each; index (X, Y, Z), from voxel to row or -1.
    """
    n_x, n_y, n_z = (shape + BLOCK - 1) // BLOCK
    n_words = rows.shape[1]
    end = np.zeros(n_x * n_y * n_z, dtype=np.int64)
    union = np.zeros((n_x * n_y * n_z, n_words), dtype=np.uint64)
    block, level = np.empty(voxels.size, dtype=np.int32), np.empty(voxels.size, dtype=np.int16)
    for i in range(voxels.size):
        x, rest = divmod(voxels[i], shape[1] * shape[2])
        y, z = divmod(rest, shape[2])
        block[i] = ((x // BLOCK) * n_y + y // BLOCK) * n_z + z // BLOCK
        end[block[i]] += 1
        for w in range(n_words):
            union[block[i], w] |= rows[i, w]
            if rows[i, w] != ZERO:
                level[i] = 64 * w + highest_bit(rows[i, w])
    begin = np.cumsum(end) - end
    end = begin.copy()
    position = np.empty((voxels.size, 3), dtype=np.int64)
    sorted_rows, highest = np.empty_like(rows), np.empty_like(level)
    index = np.full((shape[0], shape[1], shape[2]), -1, dtype=np.int32)
    for i in _falling(level, 64 * n_words):
        row = end[block[i]]
        end[block[i]] += 1
        x, rest = divmod(voxels[i], shape[1] * shape[2])
        y, z = divmod(rest, shape[2])
        position[row, 0], position[row, 1], position[row, 2] = x, y, z
        for w in range(n_words):
            sorted_rows[row, w] = rows[i, w]
        highest[row] = level[i]
        index[x, y, z] = row
    blocks = (n_x, n_y, n_z)
    return (
        position,
        sorted_rows,
        highest,
        begin.reshape(blocks),
        end.reshape(blocks),
        union.reshape((n_x, n_y, n_z, n_words)),
        index,
    )


@compiled
def _falling(level, n_levels):
    """The order of levels (M,) from high to low, by counting."""
    count = np.zeros(n_levels + 1, dtype=np.int64)
    for one in level:
        count[n_levels - 1 - one + 1] += 1
    place = np.cumsum(count)
    order = np.empty(level.size, dtype=np.int64)
    for i in range(level.size):
        order[place[n_levels - 1 - level[i]]] = i
        place[n_levels - 1 - level[i]] += 1
    return order


def by_block(points: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Truth points (P, 3) sorted by block, so that neighbours come in a row."""
    x, y, z = points.T // BLOCK
    return np.asarray(points[np.lexsort((z, y, x))])


@compiled
def sums_from_truth(points, spacing, surface, near, near_distance, steps, step_gap, sums):
    """Per threshold, add the distances of all truth points (P, 3) to the nearest surface voxel of the prediction.

    points: as from `by_block`. surface: from `grouped`. near, near_distance: from `near_ball`. steps, step_gap:
    from `block_steps`. A threshold without any surface adds nothing.

    Most thresholds are found in the small ball around a point; the others lie far, and are looked for block by
    block. The nearest voxel of the point before is their first guess.
    """
    position, rows, highest, begin, end, union, index = surface
    words = rows.T.copy()  # of one word after the other: most voxels of a block have none of its useful bits
    n_words = rows.shape[1]
    present = np.zeros(n_words, dtype=np.uint64)
    for i in range(rows.shape[0]):
        present |= rows[i]
    missing = np.empty((points.shape[0], n_words), dtype=np.uint64)
    for p in range(points.shape[0]):
        missing[p] = present
        _look_near(points[p], missing[p], rows, index, near, near_distance, sums)

    unsettled, useful = np.empty(n_words, dtype=np.uint64), np.empty(n_words, dtype=np.uint64)
    best = np.empty(64 * n_words)
    guess = np.full(64 * n_words, -1, dtype=np.int64)
    blocks = np.empty((begin.size, 3), dtype=np.int64)
    gaps = np.empty(begin.size)
    end_of_block = 0
    for p in range(points.shape[0]):
        if p == end_of_block:
            wanted = np.zeros(n_words, dtype=np.uint64)
            while end_of_block < points.shape[0] and (points[end_of_block] // BLOCK == points[p] // BLOCK).all():
                wanted |= missing[end_of_block]
                end_of_block += 1
            n_blocks = _blocks_with(wanted, points[p] // BLOCK, union, steps, step_gap, blocks, gaps)
        _look_far(
            points[p],
            spacing,
            missing[p],
            unsettled,
            useful,
            best,
            guess,
            position,
            words,
            highest,
            begin,
            end,
            union,
            blocks[:n_blocks],
            gaps,
        )
        for w in range(n_words):
            word = missing[p, w]
            while word != ZERO:
                k = 64 * w + lowest_bit(word)
                sums[k] += np.sqrt(best[k])
                word &= word - ONE


@compiled
def _look_near(point, missing, rows, index, near, near_distance, sums):
    """Look outward in order of distance: a threshold's first hit is its nearest."""
    for j in range(near.shape[0]):
        x, y, z = point[0] + near[j, 0], point[1] + near[j, 1], point[2] + near[j, 2]
        if x < 0 or y < 0 or z < 0 or x >= index.shape[0] or y >= index.shape[1] or z >= index.shape[2]:
            continue
        row = index[x, y, z]
        if row < 0:
            continue
        left = ZERO
        for w in range(missing.size):
            hit = missing[w] & rows[row, w]
            missing[w] ^= hit
            left |= missing[w]
            while hit != ZERO:
                sums[64 * w + lowest_bit(hit)] += near_distance[j]
                hit &= hit - ONE
        if left == ZERO:
            return


@compiled
def _blocks_with(wanted, block, union, steps, step_gap, blocks, gaps):
    """List the blocks with any wanted threshold, in order of their least distance to `block`; returns how many."""
    count = 0
    for j in range(step_gap.size):
        x, y, z = block[0] + steps[j, 0], block[1] + steps[j, 1], block[2] + steps[j, 2]
        if 0 <= x < union.shape[0] and 0 <= y < union.shape[1] and 0 <= z < union.shape[2]:
            occurs = ZERO
            for w in range(wanted.size):
                occurs |= wanted[w] & union[x, y, z, w]
            if occurs != ZERO:
                blocks[count, 0], blocks[count, 1], blocks[count, 2] = x, y, z
                gaps[count] = step_gap[j]
                count += 1
    return count


@compiled
def _look_far(
    point, spacing, missing, unsettled, useful, best, guess, position, words, highest, begin, end, union, blocks, gaps
):
    """Write the squared distance of each missing threshold to `best`, and its nearest voxel to `guess`.

    Blocks come in order of their least distance, and a threshold is settled once that exceeds its best. A block is
    opened only for the thresholds that occur in it and that it is near enough to improve. (Views such as
    position[i] would cost a reference count each, hence the single coordinates.)
    """
    p_x, p_y, p_z = point[0], point[1], point[2]
    s_x, s_y, s_z = spacing[0], spacing[1], spacing[2]
    for w in range(missing.size):
        unsettled[w] = missing[w]
        word = missing[w]
        while word != ZERO:
            k = 64 * w + lowest_bit(word)
            best[k] = np.inf if guess[k] < 0 else _squared(position, guess[k], p_x, p_y, p_z, s_x, s_y, s_z)
            word &= word - ONE
    shell = -1.0
    for j in range(blocks.shape[0]):
        if gaps[j] > shell:
            shell = gaps[j]
            if _keep_larger(best, unsettled, shell) <= shell:
                return
        x, y, z = blocks[j, 0], blocks[j, 1], blocks[j, 2]
        occurs = ZERO
        for w in range(missing.size):
            useful[w] = unsettled[w] & union[x, y, z, w]
            occurs |= useful[w]
        if occurs == ZERO:
            continue
        gap = _gap(p_x, x, s_x) + _gap(p_y, y, s_y) + _gap(p_z, z, s_z)
        limit = _keep_larger(best, useful, gap)
        if limit <= gap:
            continue
        for w in range(missing.size):
            if useful[w] == ZERO:
                continue
            lowest = 64 * w + lowest_bit(useful[w])
            for i in range(begin[x, y, z], end[x, y, z]):
                if highest[i] < lowest:
                    break
                word = useful[w] & words[w, i]
                if word == ZERO:
                    continue
                squared = _squared(position, i, p_x, p_y, p_z, s_x, s_y, s_z)
                if squared < limit:
                    while word != ZERO:
                        k = 64 * w + lowest_bit(word)
                        if squared < best[k]:
                            best[k] = squared
                            guess[k] = i
                        word &= word - ONE


@compiled
def _squared(position, i, x, y, z, s_x, s_y, s_z):
    """Squared distance of surface voxel i to a point."""
    d_x, d_y, d_z = (position[i, 0] - x) * s_x, (position[i, 1] - y) * s_y, (position[i, 2] - z) * s_z
    return d_x * d_x + d_y * d_y + d_z * d_z


@compiled
def _gap(position, block, spacing):
    """Squared distance along one axis from a voxel to the nearest voxel of a block."""
    return (max(block * BLOCK - position, position - (block * BLOCK + BLOCK - 1), 0) * spacing) ** 2


@compiled
def _keep_larger(best, which, than):
    """Clear the bits whose values do not exceed `than`; return the largest value."""
    largest = than
    for w in range(which.size):
        word = which[w]
        while word != ZERO:
            value = best[64 * w + lowest_bit(word)]
            if value <= than:
                which[w] ^= word & (~word + ONE)
            else:
                largest = max(largest, value)
            word &= word - ONE
    return largest
