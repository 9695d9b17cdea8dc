"""Results drawn as matplotlib figures for print, as ``rl.figures``.

:func:`draw_figure` draws any figure of the catalogue from one model or from two, with its caption and its numbers::

    drawn = rl.figures.draw_figure(model, image, "relation_grids", rl.PixelTarget(200, 120))
    drawn.figure                                        # a notebook shows it
    rl.figures.save(drawn.figure, "grids.pdf")          # embedded fonts, the same bytes every time
    print(drawn.caption)

    rl.figures.draw_figure((left, right), image, "fig5b")          # the paper's numbers are names too
    rl.figures.figure_names()                                      # what there is

The ``draw_*`` functions below take results that exist already, such as stories of flips or a trade matrix. What
is behind a name is imported when it is first used: nothing waits for matplotlib before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rsp_lab.figures.catalogue import draw_figure, figure_kind, figure_names
    from rsp_lab.figures.figure_input import FigureInput
    from rsp_lab.figures.figure_kind import DrawnFigure, FigureKind
    from rsp_lab.figures.paper.dataflow import draw_dataflow
    from rsp_lab.figures.paper.decision_flow import draw_decision_flow
    from rsp_lab.figures.paper.flow import draw_context_flow
    from rsp_lab.figures.paper.grids import draw_relation_grids
    from rsp_lab.figures.paper.key_query import draw_key_query
    from rsp_lab.figures.paper.paths import draw_context_paths
    from rsp_lab.figures.paper.predictions import draw_predictions
    from rsp_lab.figures.paper.reach import draw_reach
    from rsp_lab.figures.paper.structure import draw_structure
    from rsp_lab.figures.results.arena import draw_arena
    from rsp_lab.figures.results.arena_maps import draw_arena_maps
    from rsp_lab.figures.results.attribution import MethodRow, draw_attribution
    from rsp_lab.figures.results.change import NamedChange, draw_change
    from rsp_lab.figures.results.contact_sheet import draw_contact_sheet
    from rsp_lab.figures.results.distance import draw_distance_curves
    from rsp_lab.figures.results.film import draw_film
    from rsp_lab.figures.results.film_frame import draw_film_frame
    from rsp_lab.figures.results.flips import draw_flips
    from rsp_lab.figures.results.gaze import draw_gaze
    from rsp_lab.figures.results.ledger import draw_ledger
    from rsp_lab.figures.results.segment_story import draw_segment_story
    from rsp_lab.figures.results.segments import draw_segments
    from rsp_lab.figures.results.trade import draw_trade
    from rsp_lab.figures.style import DOUBLE, SINGLE, save
else:
    from importlib import import_module

    _NAMES_IN = {
        "rsp_lab.figures.catalogue": (
            "draw_figure",
            "figure_kind",
            "figure_names",
        ),
        "rsp_lab.figures.figure_input": ("FigureInput",),
        "rsp_lab.figures.figure_kind": ("DrawnFigure", "FigureKind"),
        "rsp_lab.figures.paper.dataflow": ("draw_dataflow",),
        "rsp_lab.figures.paper.decision_flow": ("draw_decision_flow",),
        "rsp_lab.figures.paper.flow": ("draw_context_flow",),
        "rsp_lab.figures.paper.grids": ("draw_relation_grids",),
        "rsp_lab.figures.paper.key_query": ("draw_key_query",),
        "rsp_lab.figures.paper.paths": ("draw_context_paths",),
        "rsp_lab.figures.paper.predictions": ("draw_predictions",),
        "rsp_lab.figures.paper.reach": ("draw_reach",),
        "rsp_lab.figures.paper.structure": ("draw_structure",),
        "rsp_lab.figures.results.arena": ("draw_arena",),
        "rsp_lab.figures.results.arena_maps": ("draw_arena_maps",),
        "rsp_lab.figures.results.attribution": ("MethodRow", "draw_attribution"),
        "rsp_lab.figures.results.change": ("NamedChange", "draw_change"),
        "rsp_lab.figures.results.contact_sheet": ("draw_contact_sheet",),
        "rsp_lab.figures.results.distance": ("draw_distance_curves",),
        "rsp_lab.figures.results.film": ("draw_film",),
        "rsp_lab.figures.results.film_frame": ("draw_film_frame",),
        "rsp_lab.figures.results.flips": ("draw_flips",),
        "rsp_lab.figures.results.gaze": ("draw_gaze",),
        "rsp_lab.figures.results.ledger": ("draw_ledger",),
        "rsp_lab.figures.results.segment_story": ("draw_segment_story",),
        "rsp_lab.figures.results.segments": ("draw_segments",),
        "rsp_lab.figures.results.trade": ("draw_trade",),
        "rsp_lab.figures.style": ("DOUBLE", "SINGLE", "save"),
    }
    _MODULE_OF = {name: module for module, names in _NAMES_IN.items() for name in names}

    def __getattr__(name: str) -> object:
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_MODULE_OF[name]), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return list(__all__)


__all__ = [
    "DOUBLE",
    "SINGLE",
    "DrawnFigure",
    "FigureInput",
    "FigureKind",
    "MethodRow",
    "NamedChange",
    "draw_arena",
    "draw_arena_maps",
    "draw_attribution",
    "draw_change",
    "draw_contact_sheet",
    "draw_context_flow",
    "draw_context_paths",
    "draw_dataflow",
    "draw_decision_flow",
    "draw_distance_curves",
    "draw_figure",
    "draw_film",
    "draw_film_frame",
    "draw_flips",
    "draw_gaze",
    "draw_key_query",
    "draw_ledger",
    "draw_predictions",
    "draw_reach",
    "draw_relation_grids",
    "draw_segment_story",
    "draw_segments",
    "draw_structure",
    "draw_trade",
    "figure_kind",
    "figure_names",
    "save",
]
