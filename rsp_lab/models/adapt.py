"""Networks of known libraries as subjects: what each library says about its networks is read off, the rest is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from rsp_lab.frozen.wrappers import unwrapped
from rsp_lab.models.normalisation import (
    ASSUMED,
    GIVEN,
    Normalisation,
    library_of,
    of_network,
    of_processor,
    of_weights,
)
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from rsp_lab.models.segmenter import Segmenter
from rsp_lab.models.subject import Subject, checked_paths


def adapt(
    network: nn.Module,
    *,
    class_names: Sequence[str] | Mapping[int, str] | None = None,
    cut: str | Sequence[str] | None = None,
    output: str | int | None = None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    processor: Any = None,
    weights: Any = None,
    hold: str | Sequence[str] = (),
    name: str = "",
) -> Subject | Segmenter:
    """A network of segmentation_models_pytorch, Hugging Face or torchvision, or any other one, as a subject.

    Args:
        network: in eval mode. A model of ours is returned as it is, of a panoptic one its semantic branch; a subject
            too, and both with nothing else given. A class that is derived from a library's is one of that library.
            What ``torch.compile`` or a parallel form put around a network is taken off.
        class_names: in the order of the logits, or by number from 0 (``id2label``); each its own. Hugging Face's
            networks name their own; for others they are needed.
        cut: the tensors in which answers are taken apart, e.g. ``("encoder[2]", "encoder[3]")``. Found for smp (the
            encoder's maps), Hugging Face's SegFormer and networks with a backbone (its feature maps), and torchvision
            (the backbone's maps). Of Mask2Former and MaskFormer the logits are those of each query's mask, ``query 0``
            and so on; their score of a class, a sum of products over the queries, has no ledger and is refused.
        output: attribute or key of the logits in the network's answer, or their place in a tuple or list, where it is
            not known.
        hold: modules whose answers are held as a whole: of a product of two branches that both depend on the cut, one
            has to be. Found for Mask2Former and MaskFormer: the embeddings of the queries' masks.
        mean, std: of the normalisation of RGB in [0, 1]. By default what ``processor`` or ``weights`` say, else what
            the library says of the network (:func:`~rsp_lab.models.normalisation.of_network`), else ImageNet's;
            :func:`check` says which.
        processor: what the network was fed by: an image processor of Hugging Face, transforms of torchvision, or a
            mapping with ``mean`` and ``std`` as smp and timm give it. Its normalisation is taken, its resizing is not.
        weights: a member of one of torchvision's enumerations of weights: its normalisation, and the names of its
            classes. Nothing is loaded.
        name: default: the network's class.

    Raises:
        ValueError: for what is no network, where something is needed that the library does not say, for names of
            classes that do not say which logit is whose, for what names no modules, for a mean or std that no colours
            have, or for a processor that does not normalise RGB in [0, 1] channel by channel.
    """
    if isinstance(network, nn.Module):
        network = unwrapped(network)
    if isinstance(network, Segmenter | PanopticSegmenter | Subject):
        given = {"class_names": class_names, "cut": cut, "output": output, "mean": mean, "std": std}
        given |= {"processor": processor, "weights": weights, "hold": hold or None, "name": name or None}
        if said := [word for word, value in given.items() if value is not None]:
            raise ValueError(
                f"{network.name} says all this itself, so {', '.join(said)} would change nothing: "
                + ("adapt its network, subject.network." if isinstance(network, Subject) else "leave it out.")
            )
        return network.semantic
    if not isinstance(network, nn.Module):
        raise ValueError(f"a network must be a torch.nn.Module, got {type(network).__name__}.")
    known = _known(network)
    pixels, categories = _normalisation(network, mean, std, processor, weights)
    names = class_names if class_names is not None else categories or known.get("class_names")
    if names is None:
        raise ValueError(
            f"{type(network).__name__} does not name its classes: give class_names in the order of its logits."
        )
    found = checked_paths("cut", cut) if cut is not None else known.get("cut", ())
    if not found:
        raise ValueError(
            f"it is not known in which tensors a {type(network).__name__} is to be taken apart: give cut, paths of "
            "modules whose maps lead to its logits, e.g. cut=('encoder.layer2', 'encoder.layer3'); a tensor inside an "
            "answer is named as in 'encoder[3]'."
        )
    if output == "class_queries_logits":
        raise ValueError(
            f"the class score of a {type(network).__name__} is a sum over queries of products of two answers that both "
            "depend on the image, so no ledger of it adds up: take the mask logits of its queries, the default."
        )
    return Subject(
        network,
        names,
        found,
        output=output if output is not None else known.get("output"),
        hold=(*known.get("hold", ()), *checked_paths("hold", hold)),
        mean=pixels.mean,
        std=pixels.std,
        name=name,
        normalisation=pixels.source,
        multiple=known.get("multiple", 1),
    )


def _normalisation(
    network: nn.Module, mean: Sequence[float] | None, std: Sequence[float] | None, processor: Any, weights: Any
) -> tuple[Normalisation, tuple[str, ...] | None]:
    """How the network wants its pixels, and names of classes where weights say them."""
    if (mean is None) != (std is None):
        raise ValueError("give mean and std together, or neither.")
    if sum(one is not None for one in (mean, processor, weights)) > 1:
        raise ValueError("mean and std, a processor and weights say the same thing: give one of them.")
    if weights is not None:
        return of_weights(weights)
    if processor is not None:
        return of_processor(processor), None
    if mean is not None:
        return Normalisation.of(mean, std, GIVEN), None
    return of_network(network) or ASSUMED, None


def _known(network: nn.Module) -> dict[str, Any]:
    """What is known of a network of a library, or of a class that was derived from one of its classes."""
    library = library_of(network)
    found = _READERS[library](network) if library else {}
    own = next(cls for cls in type(network).__mro__ if "forward" in vars(cls))
    if not own.__module__.startswith(library):
        # A forward pass of the class's own may answer something else than the library's.
        found.pop("output", None)
    return found


def _smp(network: Any) -> dict[str, Any]:
    """The encoder answers a list of maps, the image itself first; most networks take multiples of its stride only."""
    if not hasattr(network, "encoder"):
        return {}
    encoder, count = network.encoder, len(network.encoder.out_channels)
    multiple = encoder.output_stride if network.requires_divisible_input_shape else 1
    # With a classifier of whole images beside it, it answers both.
    found = {"output": 0} if getattr(network, "classification_head", None) is not None else {}
    if hasattr(encoder, "has_prefix_tokens"):
        # DPT's transformer answers its maps and its other tokens, and the decoder halves the last map and doubles it.
        return found | {"cut": tuple(f"encoder[0][{index}]" for index in range(count)), "multiple": 2 * multiple}
    return found | {"cut": tuple(f"encoder[{index}]" for index in range(1, count)), "multiple": multiple}


def _torchvision(network: Any) -> dict[str, Any]:
    if not hasattr(network, "backbone") or not hasattr(network, "classifier"):  # for other tasks
        return {}
    # Of LRASPP: low and high; of the others: out, and aux, which leads elsewhere.
    keys = ("low", "high") if hasattr(network.classifier, "low_classifier") else ("out",)
    return {"cut": tuple(f"backbone[{key}]" for key in keys), "output": "out"}


def _hugging_face(network: Any) -> dict[str, Any]:
    config = getattr(network, "config", None)
    if hasattr(config, "mask_feature_size"):
        return _mask_classifier(network)
    found: dict[str, Any] = {"output": "logits"}
    labels = getattr(config, "id2label", None)
    if labels:
        found["class_names"] = tuple(labels[index] for index in sorted(labels))
    modules = dict(network.named_modules())
    stages = [path for path in modules if path.startswith("segformer.stages.") and path.count(".") == 2]
    if stages:
        found["cut"] = tuple(stages)
    elif "backbone" in modules and hasattr(network.backbone, "out_features"):
        found["cut"] = tuple(f"backbone[feature_maps][{i}]" for i in range(len(network.backbone.out_features)))
    return found


def _mask_classifier(network: Any) -> dict[str, Any]:
    """Mask2Former and MaskFormer: a mask is the product of a query's embedding, which is held, and the pixels'."""
    config, modules = network.config, dict(network.named_modules())
    queries = getattr(config, "num_queries", None) or config.decoder_config.num_queries
    encoder = next((path for path in modules if path.endswith("pixel_level_module.encoder")), None)
    if encoder is None:  # a part of one
        return {}
    return {
        "output": "masks_queries_logits",
        "class_names": tuple(f"query {number}" for number in range(queries)),
        "cut": tuple(f"{encoder}[feature_maps][{i}]" for i in range(len(modules[encoder].channels))),
        "hold": tuple(path for path in modules if path.endswith("mask_embedder")),
    }


_READERS = {"segmentation_models_pytorch": _smp, "torchvision": _torchvision, "transformers": _hugging_face}
