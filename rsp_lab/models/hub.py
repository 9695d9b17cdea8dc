"""Models of ours on the Hugging Face Hub: one weights file whose header says all, and a card made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from huggingface_hub import ModelCard, ModelHubMixin, hf_hub_download

from rsp_lab._version import __version__
from rsp_lab.models import weights
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig
from rsp_lab.text import percent

FILE = "model.safetensors"
_CARD = """---
library_name: rsp_lab
pipeline_tag: image-segmentation
tags:
- semantic-segmentation
- interpretability
- rsp_lab
---

# {name}

A semantic segmentation model of rsp_lab {version}: {head} on {encoder}, {parameters:.2f} million parameters,
{count} classes.

```python
from rsp_lab.models.hub import HubSegmenter

model = HubSegmenter.from_pretrained("PLACE/{name}")
```

| | |
|---|---|
{facts}

Classes, in the order of the logits: {classes}.

The file `{file}` holds weights, configuration and these facts in its header; nothing in it is pickled. Weights are in
{precision}.
"""


class HubSegmenter(Segmenter, ModelHubMixin):
    """A segmenter with ``save_pretrained``, ``from_pretrained`` and ``push_to_hub`` of huggingface_hub.

    What is saved is one weights file as :func:`rsp_lab.models.weights.save` writes it, and a card. A folder that holds
    a model of another library is left alone. Of a file of a panoptic model, its semantic branch is taken.

    Args:
        config, name: see :class:`~rsp_lab.models.segmenter.Segmenter`.
        metadata: facts for the card and the file's header, e.g. ``{"data": "camvid"}``.
        dtype: of the stored weights.
    """

    def __init__(
        self,
        config: SegmenterConfig,
        *,
        name: str = "",
        metadata: dict[str, Any] | None = None,
        dtype: torch.dtype = torch.float16,
    ) -> None:
        super().__init__(config, name=name)
        self.metadata, self.stored = dict(metadata or {}), dtype
        # The configuration stands in the file's header, and nowhere else.
        self._hub_mixin_config = None

    @classmethod
    def of(
        cls, model: Segmenter, metadata: dict[str, Any] | None = None, *, dtype: torch.dtype = torch.float16
    ) -> HubSegmenter:
        """A copy of a model, in its mode."""
        made = cls(model.config, name=model.name, metadata=metadata, dtype=dtype)
        made.load_state_dict(model.state_dict())
        return made.train(model.training)

    def save_pretrained(self, save_directory: str | Path, **options: Any) -> str | None:
        """Writes the weights file and, where there is none, the card ``README.md``.

        Args:
            save_directory: made if it is missing.
            options: those of huggingface_hub, e.g. ``push_to_hub=True``.

        Raises:
            ValueError: if the folder holds a model that is none of ours.
            WeightsError: as :func:`rsp_lab.models.weights.save`.
        """
        folder = Path(save_directory)
        if (folder / "config.json").exists():
            raise ValueError(f"{folder} holds config.json of another library's model: name another folder.")
        if (folder / FILE).exists():
            try:
                weights.read_header(folder / FILE)
            except weights.WeightsError as error:
                raise ValueError(
                    f"{folder} holds a {FILE} that is none of ours: name another folder. ({error})"
                ) from error
        return super().save_pretrained(folder, **options)

    def _save_pretrained(self, save_directory: Path) -> None:
        weights.save(self, save_directory / FILE, self.metadata, self.stored)

    def generate_model_card(self, *_: Any, **__: Any) -> ModelCard:
        """The card, from configuration and metadata alone."""
        return ModelCard(card_text(self))

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        revision: str | None,
        cache_dir: str | Path | None,
        force_download: bool,
        local_files_only: bool,
        token: str | bool | None,
        **_: Any,
    ) -> HubSegmenter:
        path = Path(model_id) / FILE
        if not Path(model_id).is_dir():
            path = Path(
                hf_hub_download(
                    model_id,
                    FILE,
                    revision=revision,
                    cache_dir=cache_dir,
                    force_download=force_download,
                    local_files_only=local_files_only,
                    token=token,
                )
            )
        model = weights.load(path).semantic
        if not isinstance(model, Segmenter):
            raise ValueError(f"{path} holds a network of another make: read it with rl.load.")
        model.name = Path(model_id).name
        return cls.of(model, weights.read_header(path)[1], dtype=weights.stored_dtype(path))


def card_text(model: HubSegmenter) -> str:
    """The card as Markdown with its front matter."""
    facts, config = model.metadata, model.config
    rows = {
        "data": facts.get("data"),
        "terms": facts.get("terms"),
        "recipe": facts.get("recipe"),
        "seed": facts.get("seed"),
        "updates": facts.get("budget", {}).get("updates_done"),
        "mIoU": _percent(facts.get("validation", {}).get("miou")),
        "pixel accuracy": _percent(facts.get("validation", {}).get("pixel_accuracy")),
        "val images": facts.get("validation", {}).get("images"),
    }
    known = [f"| {name} | {_cell(value)} |" for name, value in rows.items() if value is not None]
    return _CARD.format(
        name=model.name,
        version=__version__,
        head=type(config.head).__name__.removesuffix("Config"),
        encoder=config.pyramid.encoder,
        parameters=sum(p.numel() for p in model.parameters()) / 1e6,
        count=len(config.class_names),
        facts="\n".join(known) or "| data | not said |",
        classes=", ".join(map(_cell, config.class_names)),
        file=FILE,
        precision=str(model.stored).removeprefix("torch."),
    )


def _percent(value: float | None) -> str | None:
    return None if value is None else percent(value, 1)


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
