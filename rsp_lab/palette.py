"""Colours and dashes that are the same in every picture: plain data, so that every room may use it.

One colour and one dash pattern for each level.

The sequence is ordered in lightness (CIE L* 42, 50, 59, 65, 74 from level 7 to level 3), any two of its colours lie at
least 24 CIELAB units apart under normal, protan, deutan and tritan vision (Machado et al. 2009), and each keeps a
contrast of 2 against white and of 3 against near-black. The dash pattern says the same a second time.
"""

from __future__ import annotations

import colorsys

LEVEL_COLOURS: dict[int, str] = {
    7: "#9E38A5",
    6: "#4967FF",
    5: "#03A17C",
    4: "#EE814D",
    3: "#E1AE0D",
}
"""By level, as #RRGGBB. What a step brings down from level x + 1 has the colour of level x + 1."""

LEVEL_DASHES: dict[int, tuple[int, ...]] = {
    7: (),
    6: (9, 3),
    5: (5, 3),
    4: (2, 2),
    3: (7, 2, 2, 2),
}
"""By level: lengths of stroke and gap in units of line width, repeated; empty for a solid line."""

FOR, AGAINST = "#D9730D", "#1F6FB4"
"""Of what speaks for a class and for its rival, warm and cold as in every diverging map; a hatch or a dash says the
second one a second time."""

OUTLINE_COLOURS: dict[str, str] = {"region": "#FFFFFF", "cue": "#FFD400", "decoy": "#3FE0FF"}
"""By what is planted in a scene, as #RRGGBB; drawn on a dark rim, so that they show on sky and asphalt alike."""

OUTLINE_DASHES: dict[str, tuple[float, ...]] = {"region": (), "cue": (5, 1.5), "decoy": (2.2, 1.2)}
"""By what is planted, in the units of :data:`LEVEL_DASHES`."""

OUTLINE_WORDS: dict[str, str] = {
    "region": "region: what is ambiguous",
    "cue": "cue: what decides",
    "decoy": "decoy: looks like a cue",
}
"""What each outline surrounds."""

VOID_COLOUR = (128, 128, 128)
"""Of pixels that belong to no segment, RGB; hatched as well, for grey may be a class's colour."""
_SHADES = (0.0, 0.04, -0.04)
"""Lightness of the instances of a class in turn, over that of its colour: no more, for cars, trucks and motorcycles
have one hue, and are told apart by lightness alone."""


def instance_shade(colour: tuple[int, int, int], number: int) -> tuple[int, int, int]:
    """A shade of a class's colour for its instance of a number, from 0: the colour itself, then a little lighter and a
    little darker, of the same hue."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*(part / 255 for part in colour))
    # Black and white leave room for both.
    lightness = min(max(lightness, 0.04), 0.96) + _SHADES[number % len(_SHADES)]
    shade = colorsys.hls_to_rgb(hue, lightness, saturation)
    return round(255 * shade[0]), round(255 * shade[1]), round(255 * shade[2])
