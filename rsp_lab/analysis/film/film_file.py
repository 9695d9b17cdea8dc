"""Films in files: written, read and checked whole; and those that come with the package."""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from rsp_lab.analysis.film.arrays import array_facts, array_of
from rsp_lab.analysis.film.film import FORMAT, Film
from rsp_lab.analysis.film.state import FilmChange, FilmComplementarity, FilmGaze, FilmState
from rsp_lab.analysis.ledger.decision_flow import DecisionFlow
from rsp_lab.analysis.ledger.flow_nodes import FlowNode
from rsp_lab.analysis.ledger.ledger import ContextLedger
from rsp_lab.analysis.passes.answer import PixelAnswer
from rsp_lab.analysis.relation_weights.complementarity import Null
from rsp_lab.analysis.relation_weights.grids import RelationGrid
from rsp_lab.analysis.scenes.rates import ReadingRate
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.data.images import read_image
from rsp_lab.files import (
    AnyPath,
    FileError,
    check_document_target,
    packaged_documents,
    read_json,
    readable_name,
    typed,
    typed_list,
    write_json,
)
from rsp_lab.shapes import Window

STATE = ".state.json"
"""How the file ends in which a film that is being made keeps what is done."""
_REMEDY = "Make the film anew."


def write_film(path: AnyPath, film: Film, **about: Any) -> Path:
    """To a JSON file, whole or not at all, with further facts ``about`` the run. Maps are kept in float32.

    Raises:
        FileError: if it cannot be written.
    """
    stored = [state_facts(state) for state in film.states]
    image = base64.b64encode(_png(film.image)).decode("ascii")
    facts = {**film.to_dict(), "classes": list(film.class_names), "picture": image, "stored": stored}
    return write_json(path, {"format": FORMAT, **facts, **about}, indent=None)


def read_film(path: AnyPath) -> Film:
    """A film of a file.

    Raises:
        FileError: if the file cannot be read, or is no film.
    """
    facts = read_json(path, "film", remedy=_REMEDY)
    if facts.get("format") != FORMAT:
        raise FileError(f"{readable_name(path)}: is no film of this version ({FORMAT}). {_REMEDY}")
    try:
        class_names = tuple(typed(str, name) for name in facts["classes"])
        y, x = typed_list(int, facts["pixel"], 2)
        target = PixelTarget(y, x, typed(str, facts["class"]), typed(str, facts["rival"]))
        target.check_classes(class_names)
        image = read_image(io.BytesIO(base64.b64decode(facts["picture"], validate=True)))
        size = image.shape[-2], image.shape[-1]
        target.check(size)
        name = typed(str, facts["run"])
        states = tuple(state_of(one, target, class_names, size, name) for one in facts["stored"])
        if len(states) < 2:
            raise ValueError("it has fewer than two states")
        return Film(
            name=name,
            data=typed(str, facts["data"]),
            class_names=class_names,
            image=image,
            image_name=typed(str, facts["image"]),
            target=target,
            chosen=typed(str, facts["chosen"]),
            truth=None if facts["truth"] is None else typed(str, facts["truth"]),
            change_name=typed(str, facts["change"]),
            scenes=typed(int, facts["scenes_of_each_case"]),
            size=typed_list(int, facts["scene_size"], 2),
            states=states,
            version=typed(str, facts["rsp_lab"]),
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, binascii.Error) as error:
        raise FileError(f"{readable_name(path)}: is a damaged film ({error}). {_REMEDY}") from error


def shipped_films() -> dict[str, Path]:
    """Names of the films that come with the package, and their files."""
    return {file.stem: file for file in packaged_documents("films", STATE)}


def check_film_target(path: AnyPath) -> None:
    """Refuses a place that :func:`write_film` must not write to: only a new file or another film is replaced.

    Raises:
        FileError: if something else is there, or nothing can be written there.
    """
    check_document_target(path, "film", FORMAT)


def state_facts(state: FilmState) -> dict[str, Any]:
    """JSON-able and whole; :func:`state_of` reads it."""
    flow, ledger = state.flow, state.flow.ledger
    return {
        "updates": state.updates,
        "digest": state.digest,
        "answer": {"label": state.answer.label, "runner_up": state.answer.runner_up, "logits": state.answer.logits},
        "ledger": {
            "image_digest": ledger.image_digest,
            "maps": _arrays(ledger.maps),
            "bias": ledger.bias,
            "total": ledger.total,
            "residual": ledger.residual,
            "tolerance": ledger.tolerance,
            "strides": {str(level): stride for level, stride in ledger.strides.items()},
        },
        "flow": {
            "chain": list(flow.chain),
            "nodes": {str(level): [_node_facts(node) for node in nodes] for level, nodes in flow.nodes.items()},
            "paths": _arrays(flow.paths),
            "biases": _arrays(flow.biases),
            "bias": flow.bias,
            "residuals": {str(level): value for level, value in flow.residuals.items()},
        },
        "gaze": [
            {**one.grid.to_dict(), "offset": list(one.offset), "spread": one.spread, "gaze_entropy": one.entropy}
            for one in state.gaze
        ],
        "complementarity": [asdict(one) for one in state.complementarity],
        "change": None
        if state.change is None
        else {**asdict(state.change), "content": {str(level): value for level, value in state.change.content.items()}},
        "regions": {case: rate.to_dict() for case, rate in state.regions.items()},
    }


def state_of(
    facts: Any, target: PixelTarget, class_names: tuple[str, ...], size: tuple[int, int], name: str
) -> FilmState:
    """What :func:`state_facts` gave, of a film's decision; raises KeyError, TypeError or ValueError for anything else.

    Args:
        facts: of the state.
        target: of the film, resolved.
        class_names: of the logits.
        size: (y, x) of the film's picture.
        name: of the run.
    """
    answer, ledger, flow = facts["answer"], facts["ledger"], facts["flow"]
    logits = {str(key): typed(float, value) for key, value in answer["logits"].items()}
    label, runner_up = answer["label"], answer["runner_up"]
    nodes = {int(level): tuple(_node_of(int(level), one) for one in found) for level, found in flow["nodes"].items()}
    return FilmState(
        updates=typed(int, facts["updates"]),
        digest=typed(str, facts["digest"]),
        flow=DecisionFlow(
            name=name,
            ledger=ContextLedger(
                target=target,
                class_names=class_names,
                image_size=size,
                image_digest=typed(str, ledger["image_digest"]),
                maps=_maps(ledger["maps"]),
                bias=typed(float, ledger["bias"]),
                total=typed(float, ledger["total"]),
                residual=typed(float, ledger["residual"]),
                tolerance=typed(float, ledger["tolerance"]),
                strides={int(level): typed(int, stride) for level, stride in ledger["strides"].items()},
            ),
            chain=tuple(typed(int, level) for level in flow["chain"]),
            nodes=nodes,
            paths=_maps(flow["paths"]),
            biases=_maps(flow["biases"]),
            bias=typed(float, flow["bias"]),
            residuals={int(level): typed(float, value) for level, value in flow["residuals"].items()},
        ),
        answer=PixelAnswer(label, runner_up, logits[label] - logits[runner_up], logits),
        gaze=tuple(_gaze_of(one, size) for one in facts["gaze"]),
        complementarity=tuple(
            FilmComplementarity(typed(str, one["step"]), typed(float, one["score"]), Null(**one["shuffled"]))
            for one in facts["complementarity"]
        ),
        change=None if facts["change"] is None else _change_of(facts["change"]),
        regions={
            str(case): ReadingRate(typed(float, rate["right"]), typed(int, rate["readings"]))
            for case, rate in facts["regions"].items()
        },
    )


def _arrays(values: Mapping[int, Tensor]) -> dict[str, Any]:
    return {str(level): array_facts(one) for level, one in values.items()}


def _maps(facts: Any) -> dict[int, Tensor]:
    return {int(level): array_of(one) for level, one in facts.items()}


def _node_facts(node: FlowNode) -> dict[str, Any]:
    return {key: value for key, value in asdict(node).items() if key != "level"}


def _node_of(level: int, facts: Any) -> FlowNode:
    box = facts["box"]
    return FlowNode(
        level=level,
        cell=None if facts["cell"] is None else typed_list(int, facts["cell"], 2),
        cells=typed(int, facts["cells"]),
        box=None if box is None else typed_list(float, box, 4),
        own=typed(float, facts["own"]),
        held=typed(float, facts["held"]),
        gross=typed_list(float, facts["gross"], 2),
    )


def _gaze_of(facts: Any, size: tuple[int, int]) -> FilmGaze:
    window = Window(typed(int, facts["kernel_size"]), typed(int, facts["dilation"]))
    weights = np.array([[np.nan if one is None else typed(float, one) for one in row] for row in facts["weights"]])
    if weights.shape != (window.kernel_size, window.kernel_size):
        raise ValueError(f"weights are {weights.shape}, not those of a {window.describe()}")
    pixel, cell, cells = (
        typed_list(int, facts["pixel"], 2),
        typed_list(int, facts["cell"], 2),
        typed_list(int, facts["cells"], 2),
    )
    grid = RelationGrid(typed(str, facts["step"]), pixel, cell, cells, size, window, weights)
    return FilmGaze(
        grid, typed_list(float, facts["offset"], 2), typed(float, facts["spread"]), typed(float, facts["gaze_entropy"])
    )


def _change_of(facts: Any) -> FilmChange:
    numbers = {key: typed(float, facts[key]) for key in ("before", "after", "looking_share", "residual")}
    content = {int(level): typed(float, value) for level, value in facts["content"].items()}
    looking = {str(step): typed(float, value) for step, value in facts["looking"].items()}
    return FilmChange(**numbers, content=content, looking=looking)


def _png(image: Tensor) -> bytes:
    content = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).contiguous().numpy()).save(content, "png", optimize=True)
    return content.getvalue()
