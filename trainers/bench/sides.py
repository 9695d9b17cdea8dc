"""The two training loops of the bench: ours, and a plain one in the manner of torchvision's references."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2.functional import to_pil_image

from rsp_lab.data.labels import IGNORE_INDEX
from rsp_lab.data.sample import Sample
from rsp_lab.data.transforms import PADDING_RGB, AugmentConfig, Crop
from rsp_lab.models.whole import build_model
from trainers.config.run import RunConfig
from trainers.training.batches import training_batches
from trainers.training.guard import guarded
from trainers.training.learner import Learner
from trainers.training.loop import update
from trainers.training.losses import TOTAL
from trainers.training.memory import keep_freed_memory
from trainers.training.task import build_task

Loader = Iterable[Sequence[Tensor]]


class Side(Protocol):
    """A training loop that can be taken up again, turn after turn."""

    def batches(self) -> Loader:
        """What is left of the run's batches; the processes that load them live as long as one pass over it."""

    def update(self, batch: Sequence[Tensor]) -> float:
        """One update on a batch of :meth:`batches`; returns the loss before it."""


class Ours:
    """The loop of :func:`trainers.training.loop.train` without its log, its evaluations and its states."""

    def __init__(self, samples: Sequence[Sample], config: RunConfig) -> None:
        keep_freed_memory()
        torch.manual_seed(config.seed)
        self.model = build_model(config.model)
        self.samples = samples
        self.config = config
        self.learner = Learner.build(self.model, config)
        self.task = build_task(config, self.samples)
        self.step = 0

    def batches(self) -> Loader:
        return training_batches(self.samples, self.config, self.step)

    def update(self, batch: Sequence[Tensor]) -> float:
        crops = Crop(*batch)
        with guarded(Path("runs", self.config.name), self.samples, self.config, self.step, crops):
            losses = update(self.learner, self.task, crops, self.config, self.step)
        self.step += 1
        return losses[TOTAL]


class Plain:
    """The reference: the same network, update rule, rates and clipping, by torch's defaults and none of our loop.

    Its augmentation has the ranges of ours and is torchvision's own; both leave out the normalisation, which the
    network does.
    """

    def __init__(self, samples: Sequence[Sample], config: RunConfig) -> None:
        torch.manual_seed(config.seed)
        assert isinstance(config.augment, AugmentConfig)
        self.model = build_model(config.model).to(config.torch_device).train()
        self.config = config
        self.crops = PlainCrops(samples, config.augment)
        rule = config.optimiser
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=rule.learning_rate, weight_decay=rule.weight_decay
        )
        self.schedule = LambdaLR(self.optimiser, lambda step: config.schedule.factor(step, config.steps))

    def batches(self) -> Loader:
        images = self.config.batch_size * (self.config.steps - self.schedule.last_epoch)
        return DataLoader(
            self.crops,
            self.config.batch_size,
            sampler=RandomSampler(self.crops, num_samples=images),
            num_workers=self.config.workers,
            pin_memory=self.config.torch_device.type == "cuda",
        )

    def update(self, batch: Sequence[Tensor]) -> float:
        image, label = (values.to(self.config.torch_device) for values in batch[:2])
        loss = F.cross_entropy(self.model(image), label, ignore_index=IGNORE_INDEX)
        self.optimiser.zero_grad()
        loss.backward()
        if self.config.optimiser.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.optimiser.clip_norm)
        self.optimiser.step()
        self.schedule.step()
        return loss.item()


class PlainCrops(Dataset[tuple[Tensor, Tensor]]):
    """Images as Pillow opens them, and their augmented crops by torchvision's transforms."""

    def __init__(self, samples: Sequence[Sample], config: AugmentConfig) -> None:
        self.pairs = [(to_pil_image(sample.image), tv_tensors.Mask(sample.label)) for sample in samples]
        shorter = min(samples[0].size)
        least, greatest = (round(bound * shorter) for bound in config.scale)
        padding = {tv_tensors.Mask: IGNORE_INDEX, "others": PADDING_RGB}
        self.transform = v2.Compose(
            [
                v2.RandomResize(least, greatest + 1),
                v2.RandomCrop(config.crop, pad_if_needed=True, fill=padding),
                v2.RandomHorizontalFlip(config.flip),
                v2.PILToTensor(),
                v2.RandomPhotometricDistort() if config.colour else v2.Identity(),
                v2.ToDtype({torch.Tensor: torch.float32, tv_tensors.Mask: torch.int64}, scale=True),
                v2.ToPureTensor(),
            ]
        )

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, label = self.transform(*self.pairs[index])
        return image, label


SIDES: dict[str, type[Ours] | type[Plain]] = {"ours": Ours, "reference": Plain}
