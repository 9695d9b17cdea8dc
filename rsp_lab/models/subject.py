"""Any segmentation network in one form: RGB in, logits of named classes out, and the tensors to take it apart in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from rsp_lab.models.class_names import checked_class_names
from rsp_lab.rgb import ImageLike, network_input
from rsp_lab.summary import Rows, Summarised
from rsp_lab.text import in_short

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of RGB in [0, 1]."""


class Subject(nn.Module, Summarised):
    """A network of any library, as every analysis of this project reads it. It shares the network, and changes nothing.

    Attributes:
        network: as it was given.
        class_names: in the order of the logits.
        cut: the tensors in which its answers are taken apart, e.g. ``("encoder[2]", "encoder[3]")``: a module's path,
            and the place in its answer where that is no tensor.
        hold: paths of modules whose answers are held as a whole where the network is frozen; see
            :class:`rsp_lab.frozen.network.FrozenNetwork`.
        name: in texts and figures.
        config: a frozen config that describes the network, so that it can be kept in a weights file; None where
            nothing does.
        label_table: name of a class table, for colours; empty where the classes' names say which one it is.
        normalisation: where mean and standard deviation come from, in words.
        multiple: the network takes sides that are multiples of it: an image of another size is padded on the right and
            below, by the mean colour, and what the logits say of the padding is left out.

    Args:
        network: maps normalised images (b, 3, y, x) to logits (b, class, v, u), or to an object or a mapping with them.
        class_names: as above, or by number from 0, as the ``id2label`` of Hugging Face.
        cut: as above.
        hold: as above.
        output: attribute or key of the logits in the network's answer, or their place in a tuple or list; None where it
            answers logits.
        mean, std: of the normalisation of RGB in [0, 1]; None where the network normalises by itself.
        name: default: the network's class.
        normalisation: as above.
        multiple: as above.

    Raises:
        ValueError: for names of classes that :func:`~rsp_lab.models.class_names.checked_class_names` refuses, or for
            what names no modules, or no part of an answer.
    """

    mean: Tensor
    std: Tensor
    label_table = ""
    config: Any = None

    def __init__(
        self,
        network: nn.Module,
        class_names: Sequence[str] | Mapping[int, str],
        cut: str | Sequence[str],
        *,
        output: str | int | None = None,
        mean: Sequence[float] | None = IMAGENET[0],
        std: Sequence[float] | None = IMAGENET[1],
        hold: str | Sequence[str] = (),
        name: str = "",
        normalisation: str = "given",
        multiple: int = 1,
    ) -> None:
        super().__init__()
        if not isinstance(output, str | int | None) or isinstance(output, bool):
            raise ValueError(
                f"output is {in_short(output)}: give a key or attribute, e.g. 'logits', or a place, e.g. 0."
            )
        self.network, self.output = network, output
        self.class_names = checked_class_names(class_names)
        self.cut, self.hold = checked_paths("cut", cut), checked_paths("hold", hold)
        self.name, self.normalisation, self.multiple = name or type(network).__name__, normalisation, multiple
        anchor = next((p for p in network.parameters() if p.is_floating_point()), torch.zeros(()))
        mean, std = (0.0, 0.0, 0.0) if mean is None else mean, (1.0, 1.0, 1.0) if std is None else std
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1).to(anchor), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1).to(anchor), persistent=False)
        self.training = network.training

    def _summary(self) -> tuple[str, Rows]:
        makes = f", a {type(self.network).__name__}" if self.name != type(self.network).__name__ else ""
        return f"Subject {self.name}{makes}", [
            (f"{len(self.class_names)} classes", self.class_names),
            ("cut", self.cut),
            *(("held", self.hold) for _ in self.hold[:1]),
            ("normalisation", self.normalisation),
            ("parameters", f"{sum(parameter.numel() for parameter in self.parameters()):,}"),
        ]

    @property
    def semantic(self) -> Subject:
        """Itself, as a panoptic model has a semantic branch."""
        return self

    @property
    def encoder(self) -> nn.Module | None:
        """What may start from weights of its own and train at a rate of its own; None if it is not known.

        It is the part that networks of this field call ``encoder`` or ``backbone``.
        """
        found = (getattr(self.network, name, None) for name in ("encoder", "backbone"))
        return next((part for part in found if isinstance(part, nn.Module)), None)

    def padded_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Rows and columns of what the network sees of an image of ``size``."""
        y, x = size
        return y + -y % self.multiple, x + -x % self.multiple

    def normalised(self, x: Float[Tensor, "b 3 y x"]) -> Float[Tensor, "b 3 _ _"]:
        """RGB in [0, 1] as the network wants it, padded to the size that it takes."""
        values, size = (x - self.mean) / self.std, (x.shape[-2], x.shape[-1])
        rows, columns = self.padded_size(size)
        if (rows, columns) == size:
            return values
        return F.pad(values, (0, columns - size[1], 0, rows - size[0]))

    def logits_of(self, answer: Any, size: tuple[int, int]) -> Float[Tensor, "b class v u"]:
        """The logits of an image of ``size`` (y, x) in the network's answer.

        Raises:
            ValueError: if they are not there, or not one map for each class.
        """
        found = _part(answer, self.output)
        if not isinstance(found, Tensor) or found.ndim != 4 or found.shape[1] != len(self.class_names):
            place = "" if self.output is None else f" at output={self.output!r}"
            raise ValueError(
                f"{self.name} must answer logits with the axes b class y x for {len(self.class_names)} classes, got "
                f"{_described(found if isinstance(found, Tensor) else answer)}{place}: name every class in the order "
                "of the logits, and where they are (output='logits', or output=0 in a tuple)."
            )
        return self.inside(found, size)

    def inside(self, values: Float[Tensor, "b c v u"], size: tuple[int, int]) -> Float[Tensor, "b c _ _"]:
        """The part of a map over the padded image that lies, if only in part, on the image of ``size`` (y, x)."""
        sides = zip(values.shape[-2:], size, self.padded_size(size), strict=True)
        rows, columns = (-(-cells * side // padded) for cells, side, padded in sides)
        return values if (rows, columns) == values.shape[-2:] else values[..., :rows, :columns]

    def forward(self, image: ImageLike) -> Float[Tensor, "b class v u"]:
        """Logits at the network's own resolution; the image as for :class:`~rsp_lab.models.segmenter.Segmenter`."""
        return self.answer(network_input(image, self.mean, check_range=not self.training))

    def coarse_logits(self, image: ImageLike) -> Float[Tensor, "b class v u"]:
        """The same as :meth:`forward`, under the name that a model of ours has for logits before they are resized."""
        logits: Tensor = self(image)
        return logits

    def answer(self, x: Float[Tensor, "b 3 y x"]) -> Float[Tensor, "b class v u"]:
        """The same of RGB in the network's dtype that may leave [0, 1], as a perturbed image does."""
        return self.logits_of(self.network(self.normalised(x)), (x.shape[-2], x.shape[-1]))


def checked_paths(what: str, given: object) -> tuple[str, ...]:
    """Paths of modules, of which one alone needs no tuple.

    Raises:
        ValueError: for anything else, as a module itself; the message calls it ``what``.
    """
    if isinstance(given, str):
        return (given,)
    paths = tuple(given) if isinstance(given, Sequence) else (given,)
    if wrong := [path for path in paths if not isinstance(path, str)]:
        got = type(wrong[0]).__name__ if isinstance(wrong[0], nn.Module) else in_short(wrong[0])
        raise ValueError(
            f"{what} has {got}, which is no path of a module: name modules as network.named_modules() does, e.g. "
            f"{what}=('encoder.layer2',)."
        )
    return paths


def _part(answer: Any, output: str | int | None) -> Any:
    """The part of a network's answer that ``output`` says; None if it is not there."""
    if output is None:
        return answer
    if isinstance(answer, Mapping):
        return answer.get(output)
    if isinstance(output, str):
        return getattr(answer, output, None)
    return answer[output] if isinstance(answer, tuple | list) and -len(answer) <= output < len(answer) else None


def _described(answer: Any) -> str:
    if isinstance(answer, Tensor):
        return f"shape {tuple(answer.shape)}"
    if isinstance(answer, Mapping):
        return f"{type(answer).__name__} with the keys {', '.join(map(str, answer))}"
    return type(answer).__name__ + (f" of {len(answer)}" if isinstance(answer, tuple | list) else "")


def check_subject(model: object) -> None:
    """Raises ValueError unless it is a :class:`Subject`."""
    if not isinstance(model, Subject):
        raise ValueError(
            f"this is about the attention of a network of another make, as rl.adapt gives it, got a "
            f"{type(model).__name__}: of a model of ours use rl.relation_grids, rl.selection_gain and rl.hooks."
        )
