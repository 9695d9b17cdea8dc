"""The border for images: every public function that takes a photograph accepts the same kinds and refuses the same.

An image is RGB with channels first, ``3 y x`` or ``b 3 y x``: a tensor or a numpy array, uint8 or floating point in
[0, 1], or a PIL image of mode RGB. Anything else is refused by one error that names what came, what is expected and
the remedy: a wrong range or a wrong order of axes would give an answer, only not to the question that was asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

ImageLike = Tensor | np.ndarray | Image.Image
"""What is accepted as an image: ``3 y x`` or ``b 3 y x``, uint8 or floating point in [0, 1]; or a PIL image, RGB."""
ROUNDING = 1e-3
"""How far values may lie outside [0, 1]: what resampling or blurring in half precision makes of black and white."""
_OVERSHOOT = 0.25
_TENSORS = (torch.uint8, torch.float16, torch.bfloat16, torch.float32, torch.float64)
_ARRAYS = ("uint8", "float16", "float32", "float64")
_EXPECTED = "expected an RGB image with the axes 3 y x or b 3 y x, uint8 or floating point in [0, 1]"


def rgb_batch(
    image: ImageLike, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> Float[Tensor, "b 3 y x"]:
    """Images as floating point in [0, 1] in memory of their own, so that no network can write into the caller's.

    The result is contiguous and detached, and it is no inference tensor, so that it can take part in a gradient.

    Args:
        image: see :data:`ImageLike`; one image becomes a batch of one.
        dtype: of the result; default float64 for float64 images, else float32.
        device: of the result; default the image's own.

    Raises:
        ValueError: for anything that is not clearly an RGB image in one of the accepted forms.
    """
    batch = _as_tensor(image)
    low_high = _extremes(batch)
    if low_high is not None:
        _check_range(batch, *low_high, array=isinstance(image, np.ndarray))
    with torch.inference_mode(False):
        wanted = dtype or (torch.float64 if batch.dtype == torch.float64 else torch.float32)
        own = batch.detach().to(device=device, dtype=wanted, copy=True, memory_format=torch.contiguous_format)
        return _unit(own) if batch.dtype == torch.uint8 else own


def one_image(
    image: ImageLike, *, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> Float[Tensor, "1 3 y x"]:
    """One image as :func:`rgb_batch` gives it.

    Raises:
        ValueError: as :func:`rgb_batch`, and for a batch of several images.
    """
    batch = rgb_batch(image, dtype=dtype, device=device)
    if len(batch) != 1:
        raise ValueError(f"got a batch of {len(batch)} images, expected one image: pass image[i : i + 1] of the batch.")
    return batch


def rgb_images(
    images: ImageLike | Iterable[ImageLike],
    *,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> list[Float[Tensor, "1 3 _ _"]]:
    """Several images, each as :func:`one_image` gives it: those of a batch, or of a sequence of images of any sizes.

    Raises:
        ValueError: as :func:`rgb_batch`.
    """
    listed = [images] if isinstance(images, (Tensor, np.ndarray, Image.Image)) else images
    return [one for image in listed for one in rgb_batch(image, dtype=dtype, device=device).split(1)]


def rgb_pixels(image: ImageLike) -> UInt8[Tensor, "3 y x"]:
    """One image in 8 bits a channel on the CPU, to be drawn or stored; floats are rounded to the nearest step.

    Raises:
        ValueError: as :func:`one_image`.
    """
    return (one_image(image, device="cpu")[0] * 255).round().clamp(0, 255).to(torch.uint8)


def network_input(image: ImageLike, anchor: Tensor, *, check_range: bool) -> Float[Tensor, "b 3 y x"]:
    """Images as a network's forward pass takes them: differentiable, and without a copy where none is needed.

    Values are looked at only where there are any: neither while a graph is traced or exported, nor on the device
    ``meta``.

    Args:
        image: see :data:`ImageLike`.
        anchor: a tensor of the network, whose dtype and device the result has.
        check_range: whether values outside [0, 1] are refused.

    Raises:
        ValueError: as :func:`rgb_batch`.
    """
    batch = _as_tensor(image)
    low_high = _extremes(batch) if check_range else None
    if low_high is not None:
        _check_range(batch, *low_high, array=isinstance(image, np.ndarray))
    own = batch.to(anchor)
    return _unit(own) if batch.dtype == torch.uint8 else own


def _unit(values: Tensor) -> Tensor:
    """Values of 0 to 255 as 0 to 1, the same to the bit on every device."""
    # By a tensor: a GPU multiplies by the reciprocal of a plain number, one step of rounding off.
    return values / torch.full((), 255, dtype=values.dtype, device=values.device)


def _as_tensor(image: object) -> Tensor:
    """The image as a tensor ``b 3 y x`` of a dtype that is accepted, values not looked at."""
    if isinstance(image, Image.Image):
        tensor = _of_pil(image)
    elif isinstance(image, np.ndarray):
        tensor = _of_array(image)
    elif isinstance(image, Tensor):
        tensor = _of_tensor(image)
    else:
        path = " Read the file with read_image." if isinstance(image, (str, PathLike)) else ""
        raise ValueError(f"got a {type(image).__name__}, {_EXPECTED}, as a tensor, a numpy array or a PIL image.{path}")
    shape = tuple(tensor.shape)
    if remedy := _axes_remedy(shape, array=isinstance(image, np.ndarray)):
        raise ValueError(f"the image has the shape {shape}, {_EXPECTED}: {remedy}.")
    if 0 in shape:
        raise ValueError(f"the image has the shape {shape}, where nothing is left to look at: give one pixel or more.")
    return tensor if tensor.ndim == 4 else tensor[None]


def _of_pil(image: Image.Image) -> Tensor:
    if image.mode != "RGB":
        raise ValueError(f"got a PIL image of mode {image.mode!r}, expected RGB: pass image.convert('RGB').")
    try:
        pixels = np.array(image)
    except Exception as error:  # of an opened file they are read now, and decoders raise whatever damage leads them to
        why = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise ValueError(f"the PIL image cannot be read to its end ({why}). Copy or download it again.") from error
    return torch.from_numpy(pixels).permute(2, 0, 1)


def _of_array(image: np.ndarray) -> Tensor:
    if image.dtype.name not in _ARRAYS:
        raise ValueError(f"the image is an array of {image.dtype}, {_EXPECTED}: {_dtype_remedy(image.dtype.name)}")
    # A copy in native byte order: an array may be read-only, mirrored by negative strides, or of another machine.
    return torch.from_numpy(image.astype(image.dtype.newbyteorder("="), order="C"))


def _of_tensor(image: Tensor) -> Tensor:
    if image.layout != torch.strided:
        raise ValueError(f"the image is a tensor of layout {image.layout}, {_EXPECTED}: pass image.to_dense().")
    if image.dtype not in _TENSORS:
        name = str(image.dtype).removeprefix("torch.")
        raise ValueError(f"the image is a tensor of {name}, {_EXPECTED}: {_dtype_remedy(name)}")
    return image


def _dtype_remedy(name: str) -> str:
    if name == "bool":
        return "a mask is no photograph; if black and white is meant, pass image.float()."
    if name == "uint16":
        return "divide 16-bit values by 65535."
    return "if its values are 0 to 255, convert it to uint8."


def _axes_remedy(shape: tuple[int, ...], *, array: bool) -> str | None:
    """What to do to an image of a shape; None where the shape is right."""
    if len(shape) not in (3, 4):
        if len(shape) == 2:
            repeated = "np.stack([image] * 3)" if array else "image.expand(3, -1, -1)"
            return f"it has no colour axis; repeat a grey channel three times, {repeated}"
        return "pass image[i] of a batch of batches" if len(shape) > 4 else "give an image with rows and columns"
    channels = shape[-3]
    if channels == 3:
        return None
    if shape[-1] in (3, 4):
        cut = "[..., :3]" if shape[-1] == 4 else ""
        order = "(2, 0, 1)" if len(shape) == 3 else "(0, 3, 1, 2)"
        return f"colour is its last axis; pass image{cut}.{'transpose' if array else 'permute'}{order}"
    if channels == 1:
        grid = "(3, -1, -1)" if len(shape) == 3 else "(-1, 3, -1, -1)"
        repeated = f"np.repeat(image, 3, axis={len(shape) - 3})" if array else f"image.expand{grid}"
        return f"it has one channel; repeat it three times, {repeated}"
    if channels == 4:
        return f"drop its fourth channel, image[{':3' if len(shape) == 3 else ':, :3'}]"
    return f"it has {channels} channels; give red, green and blue"


def _extremes(batch: Tensor) -> tuple[float, float] | None:
    """Least and largest value of floating-point images; None for uint8, and where there are no values to look at."""
    if batch.dtype == torch.uint8 or torch.compiler.is_compiling():
        return None
    if batch.is_cuda and torch.cuda.is_current_stream_capturing():
        return None
    try:
        low, high = batch.detach().aminmax()
        return float(low), float(high)
    except RuntimeError:  # a tensor without values of its own: on the device meta, faked, or under vmap
        return None


def _check_range(batch: Tensor, low: float, high: float, *, array: bool) -> None:
    """Raises ValueError unless all values are finite and lie in [0, 1], but for :data:`ROUNDING`."""
    if low >= -ROUNDING and high <= 1 + ROUNDING:
        return
    name = str(batch.dtype).removeprefix("torch.")
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(
            f"the image is {name} with values that are not finite (NaN or infinity), expected 0 to 1: find where they "
            "come from, or replace them by nan_to_num."
        )
    came = f"the image is {name} with values from {low:.4g} to {high:.4g}, expected 0 to 1"
    if low >= -_OVERSHOOT and high <= 1 + _OVERSHOOT:
        raise ValueError(
            f"{came}: such a small overshoot comes from resampling; pass image.{'clip' if array else 'clamp'}(0, 1)."
        )
    if low < 0:
        raise ValueError(
            f"{came}: it seems to be normalised already; pass the photograph before normalisation, as models normalise "
            "by themselves."
        )
    if high <= 256:
        raise ValueError(f"{came}: divide by 255 (image / 255), or pass the uint8 image as it was read.")
    raise ValueError(f"{came}: divide by the largest possible value, 65535 for 16 bits.")
