import numpy as np
import pytest
from scipy import ndimage

from datasets.lesions.resolution import FWHM_PER_SD, estimate_fwhm_mm


def blurred_blobs(sigma_mm, noise_sd=0.0):
    """Blobs of 0 and 1, made on 1 mm voxels, blurred and seen on every second one; and a mask."""
    rng = np.random.default_rng(0)
    blobs = ndimage.gaussian_filter(rng.standard_normal((120, 120, 120)), 8) > 0
    image = ndimage.gaussian_filter(blobs.astype(np.float32), sigma_mm)[::2, ::2, ::2]
    mask = np.zeros(image.shape, dtype=bool)
    mask[4:-4, 4:-4, 4:-4] = True
    return image + noise_sd * rng.standard_normal(image.shape).astype(np.float32), mask


@pytest.mark.parametrize("sigma_mm", [1.2, 1.7, 2.2])
@pytest.mark.parametrize("noise_sd", [0.0, 0.03])
def test_recovers_the_blur_of_edges(sigma_mm, noise_sd):
    image, mask = blurred_blobs(sigma_mm, noise_sd)
    assert estimate_fwhm_mm(image, mask, (2, 2, 2)) == pytest.approx(FWHM_PER_SD * sigma_mm, rel=0.12)


def test_scales_with_the_voxels_and_not_with_the_intensities():
    image, mask = blurred_blobs(1.7)
    width = estimate_fwhm_mm(image, mask, (2, 2, 2))
    assert estimate_fwhm_mm(image, mask, (1, 1, 1)) == pytest.approx(width / 2)
    assert estimate_fwhm_mm(50 + 300 * image, mask, (2, 2, 2)) == pytest.approx(width, rel=1e-3)


def test_an_image_without_edges_is_taken_as_sharp():
    image = np.full((20, 20, 20), 7, dtype=np.float32)
    assert estimate_fwhm_mm(image, np.ones(image.shape, dtype=bool), (2, 2, 2)) == pytest.approx(FWHM_PER_SD)
