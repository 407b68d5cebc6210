"""How a scanner sees an anatomy: tissue contrasts, variation within tissues, bias field, blur, noise."""

import numpy as np
from scipy import ndimage

from datasets.case import FloatArray
from datasets.synthesis.anatomy import SHAPE, SPACING_MM, Anatomy, smooth_noise


def acquire(rng: np.random.Generator, anatomy: Anatomy, flair_rng: np.random.Generator | None = None) -> FloatArray:
    """(2, X, Y, Z) raw intensities of T1w and T2w, zero outside the brain; (3, X, Y, Z) with FLAIR.

    flair_rng: what FLAIR is drawn with, so that the other two are the same with it and without; None: no FLAIR.
    """
    perivascular = perivascular_spaces(rng, anatomy)
    csf = anatomy.csf + (1 - anatomy.csf) * perivascular
    wm, gm = anatomy.wm * (1 - perivascular), anatomy.gm * (1 - perivascular)
    deep = anatomy.deep * rng.uniform(0.3, 0.6)
    shared = smooth_noise(rng, 6)
    images = []
    contrasts = [(rng, t1w_contrast(rng)), (rng, t2w_contrast(rng))]
    if flair_rng is not None:
        contrasts.append((flair_rng, flair_contrast(flair_rng)))
    for rng, (of_csf, of_gm, of_wm) in contrasts:
        of_deep_gm = of_gm + deep * (of_wm - of_gm)
        sign = 1.0 if of_wm > of_gm else -1.0
        variation = 0.025 * smooth_noise(rng, 25) + 0.012 * sign * shared + 0.008 * smooth_noise(rng, 5)
        image = of_csf * csf + (of_deep_gm * gm + of_wm * wm) * (1 + variation)
        images.append(_scan(rng, image, anatomy))
    return np.stack(images)


def t1w_contrast(rng: np.random.Generator) -> tuple[float, float, float]:
    """Intensities of CSF, grey and white matter: white is brightest."""
    return rng.uniform(0.16, 0.28), rng.uniform(0.58, 0.69), 1.0


def t2w_contrast(rng: np.random.Generator) -> tuple[float, float, float]:
    """Intensities of CSF, grey and white matter: CSF is brightest."""
    wm = rng.uniform(0.33, 0.42)
    return 1.0, wm * rng.uniform(1.3, 1.5), wm


def flair_contrast(rng: np.random.Generator) -> tuple[float, float, float]:
    """Intensities of CSF, grey and white matter: CSF is dark, as its signal is suppressed, and grey is brightest."""
    return rng.uniform(0.08, 0.18), 1.0, rng.uniform(0.72, 0.82)


def _scan(rng: np.random.Generator, image: FloatArray, anatomy: Anatomy) -> FloatArray:
    """Bias field, Rician noise, and the blur that acquisition and resampling to 2 mm leave."""
    bias = np.exp(rng.uniform(0.03, 0.07) * smooth_noise(rng, 90))
    noise_sd = rng.uniform(0.010, 0.022)  # of the final image; blur averages noise away, so more is added
    blur_voxels = rng.uniform(0.45, 0.6)
    added_sd = noise_sd * (1 + 2.0 * blur_voxels**2) ** 1.5
    real = image * bias + added_sd * rng.standard_normal(SHAPE, dtype=np.float32)
    imaginary = added_sd * rng.standard_normal(SHAPE, dtype=np.float32)
    blurred = ndimage.gaussian_filter(np.hypot(real, imaginary), blur_voxels, truncate=3.0)
    gain = 1000 * np.exp(rng.normal(0, 0.3))
    return np.asarray(gain * blurred * anatomy.brain_mask, dtype=np.float32)


def perivascular_spaces(rng: np.random.Generator, anatomy: Anatomy) -> FloatArray:
    """CSF fraction of thin fluid-filled tubes in white matter, running outward from the ventricles."""
    fraction = np.zeros(SHAPE, dtype=np.float32)
    inside = np.flatnonzero((anatomy.wm > 0.95).ravel())
    count = min(len(inside), int(rng.poisson(rng.uniform(20, 120))))
    starts = np.stack(np.unravel_index(rng.choice(inside, count, replace=False), SHAPE), axis=1)
    outward = starts - (np.array(SHAPE) - 1) / 2 + rng.normal(0, 12, (count, 3))
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    lengths = rng.uniform(4, 14, count) / SPACING_MM
    along = np.linspace(0, 1, 15)[:, None]
    points = starts[:, None] + along * (lengths[:, None] * outward)[:, None]  # (count, 15, 3)
    voxels = np.clip(np.rint(points).astype(int), 0, np.array(SHAPE) - 1).reshape(-1, 3)
    strengths = np.repeat(rng.uniform(0.15, 0.5, count), len(along)).astype(np.float32)
    np.maximum.at(fraction, tuple(voxels.T), strengths)
    return np.asarray(fraction * anatomy.wm, dtype=np.float32)
