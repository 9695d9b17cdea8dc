"""``rsp-lab surgery``: what a decision loses when a level is taken away, or weights of context are edited."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import tyro

from rsp_lab.analysis.ledger.freeze import freeze
from rsp_lab.analysis.ledger.frozen_pass import FrozenPass
from rsp_lab.analysis.ledger.held_attention import NotHeldError
from rsp_lab.analysis.surgery.account import run_surgery
from rsp_lab.analysis.surgery.knock_out import KNOCK_OUT_RULE, LevelKnockOuts, knock_out_levels
from rsp_lab.analysis.surgery.operate import operate
from rsp_lab.analysis.surgery.operation import Operation
from rsp_lab.analysis.surgery.operations import Shuffle, Temperature, Uniform, ZeroNeighbours
from rsp_lab.analysis.targets.target import PixelTarget
from rsp_lab.cli import arguments
from rsp_lab.cli.output import Json, print_rows
from rsp_lab.cli.reports import about_run
from rsp_lab.data.images import read_image
from rsp_lab.files import readable_name, to_json
from rsp_lab.models.load_any import load_any
from rsp_lab.text import percent, signed_fixed

Edit = Literal["uniform", "zero", "shuffle", "temperature"]


def surgery(
    image: arguments.Image,
    *,
    pixel: tuple[int, int],
    class_: Annotated[str | None, tyro.conf.arg(name="class")] = None,
    rival: str | None = None,
    model: arguments.Model = "camvid-rsp4",
    edit: Edit | None = None,
    at: tuple[str, ...] = (),
    heads: tuple[int, ...] = (),
    here: bool = False,
    temperature: float | None = None,
    seed: int | None = None,
    device: arguments.Device = "auto",
    json: Json = False,
) -> None:
    """What a decision loses when a level is really taken away, or when weights of relations or attention are edited.

    Each level of any model is taken away in the running network and with everything held that is not affine. An edit
    acts on the relation weights of a model of ours, or on the attention of a network of another make.

    Args:
        pixel: row and column of the decision.
        class_: whose logit; default: what the model says.
        rival: class it is held against; default: the model's runner-up.
        edit: uniform: equal weights; zero: nothing is taken; shuffle: each cell's weights permuted; temperature:
            flatter or sharper ones.
        at: relation steps, as step54, or layers of attention by path; default: all.
        heads: numbers of the heads of attention; default: all.
        here: edit the cells under the pixel alone.
        temperature: of --edit temperature, by default 2; below 1 sharpens.
        seed: of --edit shuffle, by default 0.
    """
    if edit is None and (at or heads or here):
        raise ValueError("--at, --heads and --here are of an edit: give --edit.")
    for name, number in (("temperature", temperature), ("seed", seed)):
        of = "shuffle" if name == "seed" else name
        if number is not None and edit != of:
            raise ValueError(f"--{name} is of --edit {of}: give that with it.")
    if temperature is not None and not 0 < temperature < math.inf:
        raise ValueError(
            f"--temperature must be positive and finite, got {temperature:g}: ever higher ones lead to --edit uniform."
        )
    drawn = arguments.checked_seed(0 if seed is None else seed)
    strength = 2.0 if temperature is None else temperature
    network, picture = load_any(model, device), read_image(image)
    frozen = freeze(network, picture)
    knocked = knock_out_levels(frozen, frozen.image, PixelTarget(*pixel, class_, rival))
    operation = None if edit is None else _operation(edit, at, heads, pixel if here else None, strength, drawn)
    edited = None if operation is None else _edited(frozen, operation, knocked)
    if json:
        print(to_json(about_run(image=readable_name(image.name)) | knocked.to_dict() | {"edit": edited}))
        return
    print(f"{knocked.name}, {knocked.target.describe()}: {signed_fixed(knocked.value, 4)} logits.")
    print_rows([_row(knocked, level) for level in reversed(knocked.levels)], as_json=False)
    print(f"A level taken away: {KNOCK_OUT_RULE}.")
    if knocked.refused:
        print(f"Nothing can be held: {knocked.refused}.")
    if edited is not None:
        held = (
            edited["not_held"]
            or f"{signed_fixed(edited['predicted'], 4)} of it with all else held, the rest is the reaction"
        )
        print(f"{edited['operation']}: {signed_fixed(edited['change'], 4)} logits in the running network; {held}.")


def _operation(
    edit: Edit,
    at: tuple[str, ...],
    heads: tuple[int, ...],
    where: tuple[int, int] | None,
    temperature: float,
    seed: int,
) -> Operation:
    words: dict[str, Any] = {"steps": at or None, "heads": heads or None, "where": where}
    if edit == "uniform":
        return Uniform(**words)
    if edit == "zero":
        return ZeroNeighbours("all", renormalise=False, **words)
    return Shuffle(seed, **words) if edit == "shuffle" else Temperature(temperature, **words)


def _edited(frozen: FrozenPass, operation: Operation, knocked: LevelKnockOuts) -> dict[str, Any]:
    """What an edit does to the decision; where it cannot be held, the running network alone, and why."""
    target = knocked.target
    try:
        if knocked.refused:
            raise NotHeldError(knocked.refused)
        account = run_surgery(frozen, frozen.image, operation).account(target)
    except NotHeldError as error:
        live = operate(frozen, frozen.image, operation, target=target)
        assert live.after.target_value is not None
        return {
            "operation": operation.describe(),
            "change": live.after.target_value - knocked.value,
            "predicted": None,
            "not_held": f"not held: {str(error).rstrip('.')}",
        }
    facts = {"change": account.change, "predicted": account.predicted.total}
    return {"operation": operation.describe(), **facts, "not_held": ""}


def _row(knocked: LevelKnockOuts, level: int) -> dict[str, Any]:
    one = knocked.levels[level]

    def logits(value: float | None) -> str | None:
        return None if value is None else signed_fixed(value, 4)

    return {
        "without level": knocked.level_name(level).partition(" ")[2],
        "live": logits(one.live),
        "held": logits(one.held),
        "reaction": logits(one.reaction),
        "labels that change": percent(one.labels_changed, 1),
        "gates that flip": None if one.flips is None else percent(one.flips, 1),
    }
