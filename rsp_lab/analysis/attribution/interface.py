"""What a method of explanation says of itself, and what a method of input attribution must provide."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, ClassVar, TypeVar

from jaxtyping import Float
from torch import Tensor, nn

from rsp_lab.analysis.attribution.target_function import ImageFunction
from rsp_lab.capture.points import suggest
from rsp_lab.summary import Summarised
from rsp_lab.text import rounded

Setting = int | float | str


class Method(ABC):
    """What any method of explanation says of itself; settings are the fields of a frozen dataclass.

    Attributes:
        name: what it is called in code, in links and in files.
        title: in words, as within a sentence.
        unit: of its values.
        rule: what its values are, as the end of a sentence.
        level: ``"input"`` if it speaks of pixels, ``"relation"`` if of the cells of the Q maps.
        signed: whether its map changes sign when class and rival change places.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    unit: ClassVar[str]
    rule: ClassVar[str]
    level: ClassVar[str]
    signed: ClassVar[bool] = True

    def settings(self) -> dict[str, Setting]:
        """The settings by name, JSON-able."""
        return {one.name: getattr(self, one.name) for one in fields(self)} if is_dataclass(self) else {}

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "name": self.name,
            "title": self.title,
            "level": self.level,
            "unit": self.unit,
            "rule": self.rule,
            "settings": self.settings(),
        }


_M = TypeVar("_M", bound=Method)


def find_method(method: str | _M, known: Iterable[_M]) -> _M:
    """A method by its name among the known ones, or the given method itself.

    Raises:
        ValueError: for an unknown name, or for something that is no method or does not say what it is.
    """
    if isinstance(method, str):
        by_name = {one.name: one for one in known}
        if method not in by_name:
            raise ValueError(f"no method is named {method!r}.{suggest(method, by_name, 'methods')}")
        return by_name[method]
    if not isinstance(method, Method):
        raise ValueError(
            "a method must be a name or an object such as Occlusion(window=48), got "
            f"{getattr(method, '__name__', type(method).__name__)}."
        )
    lacking = [what for what in ("name", "title", "unit", "rule", "level") if not getattr(method, what, "")]
    if lacking:
        raise ValueError(f"the method {type(method).__name__} lacks {', '.join(lacking)}: give its class these words.")
    return method


@dataclass(frozen=True)
class RegionEffect(Summarised):
    """What one region does for the target.

    Attributes:
        number: of the region in the label map.
        name: of the region.
        pixels: its area.
        effect: the target on the image minus the target with this region alone replaced by the reference, in logits.
    """

    number: int
    name: str
    pixels: int
    effect: float

    def to_dict(self) -> dict[str, Any]:
        return {"number": self.number, "name": self.name, "pixels": self.pixels, "effect": rounded(self.effect)}


@dataclass(frozen=True, eq=False)
class MethodOutput:
    """What a method returns.

    Attributes:
        values: (y, x) of the image's size, signed.
        details: what came out beside the settings, e.g. how many windows there were.
        regions: where the method works by regions, the largest effect of either sign first.
    """

    values: Float[Tensor, "y x"]
    details: Mapping[str, Setting] = field(default_factory=dict)
    regions: tuple[RegionEffect, ...] = ()


@dataclass(frozen=True)
class SettingChoices:
    """Values of one setting that a form may offer, the first of them as its default.

    Attributes:
        setting: its name.
        label: in words.
        values: to choose from.
    """

    setting: str
    label: str
    values: tuple[Setting, ...]


class AttributionMethod(Method):
    """A method that gives each pixel of an image a value for a target.

    Attributes:
        relative_to: what the values are relative to where the method takes no reference image, else None.
        additive: whether values may be added up over pixels: a drawn cell is then the sum of its pixels, not the mean.
        complete: whether all values promise to add up to the change of the target from the reference to the image.
    """

    level: ClassVar[str] = "input"
    relative_to: ClassVar[str | None] = None
    additive: ClassVar[bool] = False
    complete: ClassVar[bool] = False

    @abstractmethod
    def run(
        self, function: ImageFunction, image: Float[Tensor, "1 3 y x"], reference: Float[Tensor, "1 3 y x"]
    ) -> MethodOutput:
        """The map of one image.

        Args:
            function: what is explained, of each image of a batch, differentiable; ``function.model`` is the network.
            image: that is explained, the method's own copy.
            reference: the image without what could tell, likewise.
        """

    @abstractmethod
    def passes(self, size: tuple[int, int]) -> int | None:
        """Images of ``size`` (y, x) that :meth:`run` sends through the network; None where that shows only there.

        A method that answers None sets ``function.expected`` as soon as it knows the number of all passes.
        """

    def check(self, size: tuple[int, int]) -> None:
        """Raises ValueError for settings that do not fit an image of ``size`` (y, x)."""

    def choices(self, models: Sequence[nn.Module], size: tuple[int, int]) -> tuple[SettingChoices, ...]:
        """What a form may offer for these models on an image of ``size`` (y, x)."""
        return ()

    def unit_of(self, part: str) -> str:
        """Unit of one value of a map whose values stand for a ``part`` each, e.g. ``"logits per pixel"``."""
        return self.unit.replace("logits", f"logits per {part}", 1) if self.additive else self.unit
