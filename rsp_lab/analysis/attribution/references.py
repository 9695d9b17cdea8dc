"""What "absent" means in a photograph: the reference that takes the place of what is taken away."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from rsp_lab.capture.points import suggest

REFERENCES = ("blur", "black", "mean")
BLUR_SHARE = 1 / 16
"""Standard deviation of the blur over the image's shorter side."""


def reference_image(image: Float[Tensor, "b 3 y x"], reference: str) -> Float[Tensor, "b 3 y x"]:
    """The photograph without what could tell.

    - ``"blur"``: convolved with a Gaussian of :func:`blur_pixels`, renormalised at the border: colours and the coarse
      layout stay, objects and textures do not.
    - ``"black"``: 0 everywhere.
    - ``"mean"``: each image's own mean colour.

    Raises:
        ValueError: for another reference.
    """
    check_reference(reference)
    if reference == "black":
        return torch.zeros_like(image)
    if reference == "mean":
        return image.mean((2, 3), keepdim=True).expand_as(image).contiguous()
    return blurred(image)


def blurred(image: Float[Tensor, "b c y x"]) -> Float[Tensor, "b c y x"]:
    """Convolved with a Gaussian of :func:`blur_pixels`, renormalised at the border."""
    sigma = blur_pixels((image.shape[-2], image.shape[-1]))
    down, along = (_blur_matrix(image.shape[axis], sigma).to(image) for axis in (-2, -1))
    return down @ image @ along.T


def blur_pixels(size: tuple[int, int]) -> float:
    """Standard deviation in pixels of the blur of an image of ``size`` (y, x)."""
    return BLUR_SHARE * min(size)


def check_reference(reference: str) -> None:
    """Raises ValueError unless ``reference`` is one of :data:`REFERENCES`."""
    if reference not in REFERENCES:
        raise ValueError(f"no reference is named {reference!r}.{suggest(reference, REFERENCES, 'references')}")


def _blur_matrix(pixels: int, sigma: float) -> Float[Tensor, "pixels pixels"]:
    places = torch.arange(pixels, dtype=torch.float64)
    weights = (-0.5 * ((places[:, None] - places) / sigma) ** 2).exp()
    return weights / weights.sum(1, keepdim=True)
