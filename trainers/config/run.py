"""What a training run is: one frozen, validated object; a recipe is a function that returns one."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
import tyro
from torch import nn

from rsp_lab.data.panoptic.pictures import ResizeConfig
from rsp_lab.data.scenes.difficulty import DEFAULT, Difficulty
from rsp_lab.data.transforms import OPTION, AugmentConfig
from rsp_lab.devices import check_device, resolve_device
from rsp_lab.models.config_json import config_to_json
from rsp_lab.models.encoders import IMAGENET_MEAN, IMAGENET_STD
from rsp_lab.models.panoptic.config import PanopticConfig
from rsp_lab.models.relation import relation_modules
from rsp_lab.models.whole import WholeConfig

MACHINE_FIELDS = (
    "device",
    "num_threads",
    "workers",
    "log_every",
    "checkpoint_every",
    "keep_every",
    "keep",
    "tensorboard",
)
"""Fields that say where and how a run is executed, not what it computes; they may change on resuming."""


LARGEST = 2**31 - 1
"""Of every number that counts something."""
MOST_THREADS = 1024


def option(off: Any) -> Any:
    """A field that came later, or may go: at its default it is off, and not part of a run's fingerprint."""
    return field(default=off, metadata={OPTION: True})


@dataclass(frozen=True)
class OneCycle:
    """Cosine from ``peak / start_divisor`` up to the peak, then cosine down to ``peak / end_divisor`` at the end.

    Attributes:
        warm_share: share of all steps before the peak.
        start_divisor: peak over first learning rate.
        end_divisor: peak over last learning rate.
    """

    warm_share: float = 0.1
    start_divisor: float = 25.0
    end_divisor: float = 1e4

    def __post_init__(self) -> None:
        if not 0 <= self.warm_share < 1:
            raise ValueError(f"warm_share is a share of all steps from 0 to below 1, got {self.warm_share}.")
        for name in ("start_divisor", "end_divisor"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}; 1 is the peak itself.")

    def factor(self, step: int, steps: int) -> float:
        """Learning rate of the update after ``step`` updates, as a multiple of the peak."""
        peak = self.warm_share * (steps - 1)
        if step < peak:
            return _cosine(1 / self.start_divisor, 1.0, step / peak)
        return _cosine(1.0, 1 / self.end_divisor, (step - peak) / (steps - 1 - peak) if steps > 1 else 0.0)


@dataclass(frozen=True)
class MultiStep:
    """Linear warm-up from ``start`` times the peak to the peak, then a drop by ``gamma`` at each milestone.

    The defaults are the paper's, but for the drops: it prints rates that fall by 100, then not at all.

    Attributes:
        warm_steps: updates before the peak.
        start: first learning rate as a share of the peak.
        milestones: updates, counted from the start of the run, after which the rate drops.
        gamma: factor of each drop.
    """

    warm_steps: int = 1000
    start: float = 0.1
    milestones: tuple[int, ...] = (40_000, 55_000)
    gamma: float = 0.1

    def __post_init__(self) -> None:
        if list(self.milestones) != sorted(self.milestones):
            raise ValueError(f"milestones must rise, got {self.milestones}.")
        if not 0 <= self.warm_steps <= LARGEST:
            raise ValueError(f"warm_steps is a number of updates, got {self.warm_steps}; 0 is off.")
        for name in ("start", "gamma"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}; 1 leaves the rate as it is.")

    def factor(self, step: int, steps: int) -> float:
        """Learning rate of the update after ``step`` updates, as a multiple of the peak."""
        if step < self.warm_steps:
            return self.start + (1 - self.start) * step / self.warm_steps
        return self.gamma ** sum(step >= milestone for milestone in self.milestones)


@dataclass(frozen=True)
class Optimiser:
    """The update rule.

    Attributes:
        kind: adamw or sgd.
        learning_rate: the peak, which the schedule multiplies.
        weight_decay: on all parameters; decoupled under adamw.
        norm_decay: whether it acts on scales and shifts of norms as well.
        momentum: used by sgd only.
        clip_norm: gradients are scaled down to this total norm; None is off.
        relation_rate: learning rate of the relation modules (f_q, f_k, f_v, f_p) over that of all else.
        encoder_rate: learning rate of the encoder over that of all else; below 1 for pretrained weights.
    """

    kind: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    momentum: float = 0.9
    clip_norm: float | None = 5.0
    relation_rate: float = option(1.0)
    encoder_rate: float = option(1.0)
    norm_decay: bool = option(True)

    def __post_init__(self) -> None:
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate}.")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay must not be negative, got {self.weight_decay}; 0 is off.")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must be at least 0 and below 1, got {self.momentum}; 0 is off.")
        if self.clip_norm is not None and not 0 < self.clip_norm < math.inf:
            raise ValueError(f"clip_norm must be positive, got {self.clip_norm}; None is off.")
        for name in ("relation_rate", "encoder_rate"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}; 1 is the rate of all else.")

    def build(self, model: nn.Module) -> torch.optim.Optimizer:
        """The torch optimiser over all of a network's parameters."""
        groups = self._groups(model)
        if self.kind == "sgd":
            return torch.optim.SGD(
                groups, lr=self.learning_rate, momentum=self.momentum, weight_decay=self.weight_decay
            )
        # One pass over each parameter instead of one an operation.
        return torch.optim.AdamW(groups, lr=self.learning_rate, weight_decay=self.weight_decay, fused=True)

    def _groups(self, model: nn.Module) -> list[dict[str, Any]]:
        """Parameters by their ``factor``, by which their learning rate differs from the schedule's."""
        parts: list[tuple[float, list[nn.Parameter]]] = []
        if self.relation_rate != 1:
            relations = [p for module in relation_modules(model).values() for p in module.parameters()]
            if not relations:
                raise ValueError(
                    f"relation_rate {self.relation_rate}: this network has no relation module; leave it at 1."
                )
            parts.append((self.relation_rate, relations))
        if self.encoder_rate != 1:
            encoder = getattr(model, "encoder", None)
            if encoder is None:
                raise ValueError(f"encoder_rate {self.encoder_rate}: this network has no encoder; leave it at 1.")
            parts.append((self.encoder_rate, list(encoder.parameters())))
        own = {id(parameter) for _, parameters in parts for parameter in parameters}
        others = [parameter for parameter in model.parameters() if id(parameter) not in own]
        groups = [{"params": parameters, "factor": factor} for factor, parameters in ((1.0, others), *parts)]
        return groups if self.norm_decay else [half for group in groups for half in _norms_apart(model, group)]


def _norms_apart(model: nn.Module, group: dict[str, Any]) -> list[dict[str, Any]]:
    """A group of parameters without those of norms, and these without weight decay; neither is empty."""
    norms = {id(p) for module in model.modules() if isinstance(module, _NORMS) for p in module.parameters()}
    apart = [[p for p in group["params"] if (id(p) in norms) == inside] for inside in (False, True)]
    halves = [group | {"params": apart[0]}, group | {"params": apart[1], "weight_decay": 0.0}]
    return [half for half in halves if half["params"]]


_NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)


@dataclass(frozen=True)
class LossConfig:
    """Cross entropy, always in float32, as a mean over labelled pixels.

    Attributes:
        kind: cross_entropy, or ohem: only hard pixels count, those whose true class gets a probability below
            ``ohem_threshold``.
        ohem_threshold: see ``kind``.
        ohem_least: share of the labelled pixels that counts at least, the hardest ones.
        balanced: weigh each class by the median class frequency over its own, counted once over the training labels.
        region_weight: of the pixels of a drawn scene's region over that of all others.
        instances: of a panoptic network, weight of the losses of boxes and masks, the paper's lambda_i; those of the
            proposed regions have the weight 1.
        semantic: of a panoptic network, weight of the semantic loss, the paper's lambda_s.
    """

    kind: Literal["cross_entropy", "ohem"] = option("cross_entropy")
    ohem_threshold: float = option(0.7)
    ohem_least: float = option(0.0625)
    balanced: bool = option(False)
    region_weight: float = option(1.0)
    instances: float = option(1.0)
    semantic: float = option(0.5)

    def __post_init__(self) -> None:
        for name in ("instances", "semantic"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(
                    f"{name} is a weight of at least 0, got {getattr(self, name)}; 0 leaves that loss out."
                )
        if not 0 < self.region_weight < math.inf:
            raise ValueError(f"region_weight must be positive, got {self.region_weight}; 1 is that of all others.")
        if self.region_weight != 1 and self.kind == "ohem":
            raise ValueError("ohem chooses pixels by their loss: leave region_weight at 1, or take cross_entropy.")
        for name in ("ohem_threshold", "ohem_least"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} must be above 0 and at most 1, got {getattr(self, name)}.")


@dataclass(frozen=True)
class SceneSampling:
    """Which drawn scenes there are, and how they come into a batch.

    Attributes:
        pairs: a batch holds both readings of each of its scenes, cut and flipped alike, so that only what the cue
            changed tells them apart.
        even_cases: the cases take turns, so that a batch holds as many of each as its size allows.
        difficulty: of the scenes, in training and in validation.
    """

    pairs: bool = option(False)
    even_cases: bool = option(False)
    difficulty: Difficulty = DEFAULT


@dataclass(frozen=True)
class RunConfig:
    """A whole training run.

    Attributes:
        name: the run's name, by default also its folder under runs/.
        model: the network, of ours or of another make; chosen by the recipe.
        data: the data set; the place of files is read from the environment (CAMVID_ROOT, CITYSCAPES_ROOT,
            COCO_ROOT, or FOLDER_ROOT for a data set of your own), scenes are drawn.
        steps: updates in all.
        augment: how a training image is drawn: a crop, or for panoptic networks the whole image.
        batch_size: images per update.
        seed: fixes the initial weights, the order of the images and every augmentation.
        eval_every: updates from one evaluation on the whole validation set to the next; the last update has one too.
        checkpoint_every: updates from one saved state to the next.
        log_every: updates from one line of the log to the next.
        device: auto, cpu, cuda, cuda:N or mps; auto is the best that is there, and under torchrun cuda is a GPU for
            each process. Only a CPU repeats a run bit for bit.
        num_threads: threads of the computation; 0 leaves torch's default.
        workers: processes that load data; 0 loads in the training process.
        loss: what is minimised.
        precision: of the network under autocast; the loss is in float32 in any case.
        accumulate: parts in which a batch passes through the network, for less memory; batch norm sees each part alone.
        ema: decay of a moving average of the weights, which is then what is evaluated and kept; None is off.
        scenes: which drawn scenes there are, and how they come into a batch.
        encoder_weights: where the encoder starts: ``scratch``; ``library`` for the ImageNet weights of torchvision or
            timm (downloads them); ``package`` for those of an installed package; or the path of a file.
        overfit_one_batch: repeat the first batch; a network that cannot learn it has a fault.
        keep_every: updates from one kept state to the next, as step-NNNNNNNN.safetensors; 0 keeps none.
        keep: how many of those are retained, the latest ones.
        tensorboard: write a TensorBoard log too; needs the package tensorboard.
    """

    name: str
    model: tyro.conf.Suppress[WholeConfig]
    data: Literal[
        "camvid", "cityscapes", "folder", "scenes", "small-scenes", "panoptic-scenes", "small-panoptic-scenes", "coco"
    ] = "camvid"
    augment: tyro.conf.AvoidSubcommands[AugmentConfig | ResizeConfig] = field(default_factory=AugmentConfig)
    optimiser: Optimiser = field(default_factory=Optimiser)
    schedule: tyro.conf.AvoidSubcommands[OneCycle | MultiStep] = field(default_factory=OneCycle)
    steps: int = 3000
    batch_size: int = 8
    seed: int = 0
    eval_every: int = 500
    checkpoint_every: int = 100
    log_every: int = 20
    device: str = "auto"
    num_threads: int = 0
    workers: int = 1
    loss: LossConfig = field(default_factory=LossConfig)
    precision: Literal["float32", "bf16", "fp16"] = option("float32")
    accumulate: int = option(1)
    ema: float | None = option(None)
    scenes: SceneSampling = field(default_factory=SceneSampling)
    encoder_weights: str = option("scratch")
    overfit_one_batch: bool = option(False)
    keep_every: int = 0
    keep: int = 3
    tensorboard: bool = False

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "eval_every", "checkpoint_every", "log_every", "accumulate", "keep"):
            if not 1 <= getattr(self, name) <= LARGEST:
                raise ValueError(
                    f"{name} must be at least 1 and at most {LARGEST:,}, got {_short(getattr(self, name))}."
                )
        for name in ("seed", "workers", "keep_every"):
            if not 0 <= getattr(self, name) <= LARGEST:
                raise ValueError(
                    f"{name} must not be negative, nor above {LARGEST:,}, got {_short(getattr(self, name))}."
                )
        check_threads(self.num_threads)
        check_device(self.device)
        if self.batch_size % self.accumulate:
            raise ValueError(
                f"accumulate {self.accumulate} must divide batch_size {self.batch_size}: parts are of one size."
            )
        if not self.encoder_weights:
            raise ValueError("encoder_weights must be scratch, library, package, or the path of a file; it is empty.")
        if self.scenes.pairs and self.batch_size % 2:
            raise ValueError(f"pairs of readings need an even batch_size, got {self.batch_size}.")
        if self.ema is not None and not 0 < self.ema < 1:
            raise ValueError(f"ema must be between 0 and 1, got {self.ema}; 0.999 is usual, None is off.")
        if isinstance(self.model, PanopticConfig) != isinstance(self.augment, ResizeConfig):
            raise ValueError(
                "panoptic networks are trained on whole images (ResizeConfig), all others on crops (AugmentConfig), "
                f"got {type(self.model).__name__} and {type(self.augment).__name__}."
            )
        if isinstance(self.model, PanopticConfig) and self.loss.region_weight != 1:
            raise ValueError("a panoptic network has no regions to weigh: leave loss.region_weight at 1.")
        alone = LossConfig()
        if not isinstance(self.model, PanopticConfig) and (
            (self.loss.instances, self.loss.semantic) != (alone.instances, alone.semantic)
        ):
            raise ValueError(
                "loss.instances and loss.semantic weigh the losses of a panoptic network, and this one has one loss: "
                f"leave them at {alone.instances:g} and {alone.semantic:g}."
            )

    @property
    def torch_device(self) -> torch.device:
        """Where this process computes.

        Raises:
            ValueError: if this machine has no such device.
        """
        return resolve_device(self.device)

    def learning_rate(self, step: int) -> float:
        """Learning rate of the update after ``step`` updates: the one function of the step that says so."""
        return self.optimiser.learning_rate * self.schedule.factor(step, self.steps)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data; each part names its class under ``kind``."""
        plain: dict[str, Any] = config_to_json(self)
        return plain

    def fingerprint(self) -> dict[str, Any]:
        """What the result depends on: all fields by dotted name but those of :data:`MACHINE_FIELDS`.

        Options that are off are left out, so that a run stays resumable when a new option comes to exist.
        """
        fields, off = _flat(json.loads(json.dumps(dataclasses.asdict(self)))), _options(self) | _LATER_FIELDS
        return {
            key: value
            for key, value in fields.items()
            if key.split(".")[0] not in MACHINE_FIELDS and not (key in off and value == off[key])
        }


def check_threads(number: int) -> None:
    """Raises a ValueError for a number of threads that no computation can have; 0 stands for torch's default."""
    if not 0 <= number <= MOST_THREADS:
        raise ValueError(
            f"num_threads must be from 1 to {MOST_THREADS}, or 0 for torch's default, got {_short(number)}."
        )


def _short(number: int) -> str:
    return str(number) if abs(number) < 10**20 else "a number of more than 20 digits"


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


_LATER_FIELDS = {
    "model.pyramid.mean": list(IMAGENET_MEAN),
    "model.pyramid.std": list(IMAGENET_STD),
    **{f"scenes.difficulty.{name}": value for name, value in DEFAULT.to_dict().items()},
}
"""Fields of networks and scenes that came later than states of runs, at the values that those had, as JSON has them."""


def _options(config: Any, prefix: str = "") -> dict[str, Any]:
    """The options of a configuration and its parts by dotted name, each with the value at which it is off."""
    found: dict[str, Any] = {}
    for field_ in dataclasses.fields(config):
        name, value = prefix + field_.name, getattr(config, field_.name)
        if field_.metadata.get(OPTION):
            found[name] = field_.default
        if dataclasses.is_dataclass(value):
            found |= _options(value, f"{name}.")
    return found


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
