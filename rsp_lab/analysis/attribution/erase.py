"""A photograph with a part taken out: the question "and if that were not there?" as a picture."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from rsp_lab.analysis.attribution.references import blurred
from rsp_lab.capture.points import suggest
from rsp_lab.rgb import ImageLike, one_image
from rsp_lab.shapes import own_tensor

FILLS = ("blur", "mean", "inpaint")


def erase(image: ImageLike, mask: Tensor | np.ndarray, fill: str = "blur") -> Tensor:
    """The image with the pixels of a mask replaced by what the others suggest; no pixel outside the mask changes.

    Such a picture lies outside what a model was trained on: what a model says of it is its answer to that picture, and
    only as far as the fill is plausible an answer to "without it".

    Args:
        image: one RGB image, uint8 or float in [0, 1]; see :mod:`rsp_lab.rgb`.
        mask: (y, x) of the image's size, True where it is erased.
        fill: what takes the place.

            - ``"blur"``: the other pixels' mean under a Gaussian of a sixteenth of the shorter side; where none of them
              is near, their mean colour.
            - ``"mean"``: the other pixels' mean colour.
            - ``"inpaint"``: the biharmonic surface that continues the surroundings smoothly, by scikit-image
              (Chui, Mhaskar: MRA contextual-recovery extension of smooth functions on manifolds, 2010).

    Returns:
        (3, y, x), in 8 bits for an image in 8 bits, else in its own floating point.

    Raises:
        ValueError: for what is no image, a mask of another size or type, one that erases nothing or all, or an unknown
            fill.
        ImportError: for ``"inpaint"`` without scikit-image; the message says what to install.
    """
    if fill not in FILLS:
        raise ValueError(f"no fill is named {fill!r}.{suggest(fill, FILLS, 'fills')}")
    given = one_image(image, device="cpu")
    hidden = _checked(mask, (given.shape[-2], given.shape[-1]))
    if fill == "inpaint":
        filled = _inpainted(given, hidden)
    else:
        seen = (~hidden)[None, None].to(given)
        mean = (given * seen).sum((2, 3), keepdim=True) / seen.sum()
        filled = mean.expand_as(given)
        if fill == "blur":
            near = blurred(seen)
            # Far from all others the quotient of two vanishing sums says nothing.
            filled = torch.where(near > 1e-6, blurred(given * seen) / near.clamp(min=1e-6), mean)
    found = torch.where(hidden, filled.clamp(0, 1), given)[0]
    kind = str(image.dtype).removeprefix("torch.") if isinstance(image, Tensor | np.ndarray) else "uint8"
    return (found * 255).round().to(torch.uint8) if kind == "uint8" else found.to(getattr(torch, kind))


def _checked(mask: Tensor | np.ndarray, size: tuple[int, int]) -> Bool[Tensor, "y x"]:
    given = torch.as_tensor(own_tensor(mask)).cpu()
    if given.dtype != torch.bool or given.shape != size:
        raise ValueError(
            f"the mask is of {given.dtype} with the shape {tuple(given.shape)}, expected booleans of the image's "
            f"size {size}, rows before columns: True where the image is erased."
        )
    count = int(given.sum())
    if count in (0, given.numel()):
        raise ValueError(f"the mask erases {'nothing' if not count else 'the whole image'}: mark a part of it.")
    return given


def _inpainted(image: Tensor, hidden: Tensor) -> Tensor:
    try:
        from skimage.restoration import inpaint_biharmonic
    except ImportError as error:
        raise ImportError(
            "inpainting needs scikit-image: pip install scikit-image, or choose the fill 'blur' or 'mean'."
        ) from error
    pixels = inpaint_biharmonic(image[0].permute(1, 2, 0).numpy(), hidden.numpy(), channel_axis=-1)
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].to(image)
