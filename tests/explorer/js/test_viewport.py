"""Zoom, pan and the text of a view: places stay where they belong, and a link leads back."""

from __future__ import annotations

import random
from typing import Any

import pytest

HEADER = {
    "size": [97, 131],
    "sides": [
        {"steps": [{"name": "step54"}, {"name": "step43"}]},
        {"steps": [{"name": name} for name in ("step76", "step65", "step54", "step43")]},
    ],
}
BOX = {"height": 240, "width": 480}
LAYERS = [
    {"name": "net.stages.0.attn", "heads": 1, "apart": True},
    {"name": "net.stages.1.attn", "heads": 12, "apart": False},
    {"name": "net.stages.2.attn", "heads": 4, "apart": True},
]
FOREIGN = {"size": [97, 131], "sides": [HEADER["sides"][1], {"steps": [], "attention": {"layers": LAYERS}}]}  # type: ignore[index]


def test_zooming_leaves_the_place_under_the_pointer_and_never_shows_beyond_the_image(run_module: Any) -> None:
    cases = [
        (random.uniform(1, 24), random.uniform(0, 97), random.uniform(0, 131), random.uniform(0.2, 5), *point)
        for point in [(random.uniform(0, 240), random.uniform(0, 480)) for _ in range(200)]
    ]

    found = run_module(
        """async (core, [size, box, cases]) => cases.map(([zoom, y, x, factor, down, along]) => {
          const look = core.clampLook({ zoom, centre: [y, x] }, size);
          const before = core.toImage(core.viewport(look, size, box), [down, along]);
          const next = core.zoomedAt(look, size, box, factor, [down, along]);
          const port = core.viewport(next, size, box);
          return { before, after: core.toImage(port, [down, along]), zoom: next.zoom, grew: next.zoom >= look.zoom,
                   ends: [core.toImage(port, [0, 0]), core.toImage(port, [box.height, box.width])],
                   back: core.toScreen(port, core.toImage(port, [down, along])), point: [down, along] };
        })""",
        [HEADER["size"], BOX, cases],
    )

    for case in found:
        assert 1 <= case["zoom"] <= 24
        assert case["back"] == pytest.approx(case["point"])
        (top, left), (bottom, right) = case["ends"]
        assert top >= -0.5 - 1e-9
        assert left >= -0.5 - 1e-9
        assert bottom <= 96.5 + 1e-9
        assert right <= 130.5 + 1e-9
        # Zooming in never needs to be held back at the border; zooming out may.
        if case["grew"]:
            assert case["after"] == pytest.approx(case["before"])


def test_panning_moves_the_image_with_the_pointer_and_a_pixel_is_brought_into_sight(run_module: Any) -> None:
    moved, seen = run_module(
        """async (core, [size, box]) => {
          const look = { zoom: 4, centre: [48, 65] };
          const next = core.panned(look, size, box, [30, -20]);
          const at = (one) => core.toScreen(core.viewport(one, size, box), [50, 60]);
          const corner = core.bringingIntoSight(look, size, [96, 0]);
          return [at(next).map((n, i) => n - at(look)[i]), core.toScreen(core.viewport(corner, size, box), [96, 0])];
        }""",
        [HEADER["size"], BOX],
    )

    assert moved == pytest.approx([30, -20])
    assert 0 <= seen[0] <= 240
    assert 0 <= seen[1] <= 480


TEXTS = [
    "",
    "pixel=96,130",
    "pixel=3,4&second=0,0&active=step76&grids=content&spread=chain&gaze=1&hidden=step76,step43"
    "&predictions=0&outlines=0&zoom=3.5,40,60",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_view_and_its_text_are_the_same(text: str, run_module: Any) -> None:
    assert run_module(f"async (core, h) => core.viewText(core.parseView({text!r}, h), h)", HEADER) == text


@pytest.mark.parametrize(
    "text",
    [
        "right-head=3",
        "right-head=0",
        "right-layer=none",
        "pixel=3,4&right-layer=net.stages.0.attn",
        "right-layer=net.stages.1.attn&zoom=2,40,60",
    ],
)
def test_layer_and_head_of_an_attention_stand_in_a_view(text: str, run_module: Any) -> None:
    assert run_module(f"async (core, h) => core.viewText(core.parseView({text!r}, h), h)", FOREIGN) == text


@pytest.mark.parametrize(
    "text",
    [
        "right-head=4",
        "right-head=-1",
        "right-head=x",
        "right-layer=attn",
        "left-layer=none&left-head=1",
        "right-head=",
    ],
)
def test_an_attention_that_is_not_there_is_left_out(text: str, run_module: Any) -> None:
    assert run_module(f"async (core, h) => core.viewText(core.parseView({text!r}, h), h)", FOREIGN) == ""


def test_keys_turn_through_layers_and_the_heads_that_each_has(run_module: Any) -> None:
    found = run_module(
        """async (core, header) => {
          const side = header.sides[1];
          const ways = [["head", 1], ["head", -1], ["head", -1], ["layer", -1], ["head", 1],
            ["layer", 1], ["layer", 1]];
          let choice = core.standardAttention(header)[1];
          return ways.map(([what, by]) => (choice = core.turned(side, choice, what, by)));
        }""",
        FOREIGN,
    )

    last, middle = "net.stages.2.attn", "net.stages.1.attn"
    expected = [
        (last, 0),
        (last, None),
        (last, 3),
        (middle, None),
        (middle, None),
        (last, None),
        ("none", None),
    ]
    assert [(choice["layer"], choice["head"]) for choice in found] == expected


def test_what_a_link_asks_for_in_vain_is_left_out(run_module: Any) -> None:
    text = (
        "pixel=97,0&second=1,x&active=step99&grids=<b>&spread=&gaze=yes&hidden=nothing&predictions=many&zoom=1,2"
        "&constructor=1"
    )
    assert run_module(f"async (core, h) => core.viewText(core.parseView({text!r}, h), h)", HEADER) == ""
