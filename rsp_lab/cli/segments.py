"""``rsp-lab segments``: things and stuff of a photograph in panoptic models, and why each segment is what it is."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated, Any

import tyro

from rsp_lab.analysis.attribution.interface import AttributionMethod, find_method
from rsp_lab.analysis.panoptic.changes import PanopticComparison, compare_segments
from rsp_lab.analysis.panoptic.merge import MergeRule
from rsp_lab.analysis.panoptic.places import places
from rsp_lab.analysis.panoptic.score import SCORE_METHODS
from rsp_lab.analysis.panoptic.segmentation import PanopticPass, panoptic, table_of
from rsp_lab.analysis.panoptic.segments import SegmentStory, explain_segment
from rsp_lab.analysis.passes.pair import pair_names
from rsp_lab.cli import arguments
from rsp_lab.cli.output import say
from rsp_lab.cli.reports import ReportFiles, about_run, report_folder, write_report
from rsp_lab.data.images import read_image
from rsp_lab.figures.results.segment_story import draw_segment_story, segment_story_caption
from rsp_lab.figures.results.segments import draw_segments, segments_caption
from rsp_lab.files import readable_name, write_atomic
from rsp_lab.models.load_any import load_panoptic, model_file
from rsp_lab.models.panoptic.segmenter import PanopticSegmenter
from rsp_lab.shapes import checked_pixel

NO_METHOD = "none"
PAIR = ("scenes-panoptic-baseline", "scenes-panoptic-rsp4d")
FILES = ReportFiles("segments.json", ("segments", "why-*"), ("captions.txt",))
PLACE_RULE = (
    "the largest thing, kind of stuff and void of the last model, and of two models the first change that is more than "
    "other pixels of the same segment"
)


def segments(
    image: arguments.Image,
    out: arguments.Folder,
    *,
    left: str | None = None,
    right: str | None = None,
    model: str | None = None,
    pixel: Annotated[tuple[tuple[int, int], ...], tyro.conf.arg(metavar="Y X [Y X ...]")] = (),
    score: float | None = None,
    overlap: float | None = None,
    stuff_area: int | None = None,
    device: arguments.Device = "auto",
    method: Annotated[
        str, tyro.conf.arg(help=f"of {', '.join((*(known.name for known in SCORE_METHODS), NO_METHOD))}")
    ] = "integrated_gradients",
) -> None:
    """Things and stuff of a photograph in panoptic models: the segments, what changed, and why each is what it is.

    Writes segments.png and segments.pdf, a figure of each why (why-1-left.png, ...), captions.txt and segments.json.

    Args:
        left: weights of the model on the left; default: scenes-panoptic-baseline.
        right: weights of the model on the right; default: scenes-panoptic-rsp4d.
        model: weights of one model that is shown alone, in place of left and right.
        pixel: rows and columns of the segments to explain, in pairs; default: the largest ones and the first change.
        score: a detection with a lower score is dropped; default 0.5.
        overlap: a detection with a larger share of its mask taken is dropped; default 0.5.
        stuff_area: stuff with fewer pixels left is dropped; default: 4096 for COCO, less in small pictures of others.
        method: by which the class of a thing is attributed to pixels.
    """
    began = time.perf_counter()
    chosen = None if method == NO_METHOD else find_method(method, SCORE_METHODS)
    if model is not None and (left is not None or right is not None):
        raise ValueError("--model shows one model alone: give it, or --left and --right.")
    words = (model,) if model is not None else (left or PAIR[0], right or PAIR[1])
    read = (image, *map(model_file, words))
    FILES.check(out, read)
    for bound, number in (("score", score), ("overlap", overlap)):
        if number is not None and not 0 <= number <= 1:
            raise ValueError(f"--{bound} must be from 0 to 1, got {number:g}.")
    if stuff_area is not None and stuff_area < 0:
        raise ValueError(f"--stuff-area must not be negative, got {stuff_area}.")
    picture, name = read_image(image), readable_name(image.name)
    size = picture.shape[-2], picture.shape[-1]
    for place in pixel:
        checked_pixel(place, size)
    with report_folder(out, read, FILES) as folder:
        assert folder is not None
        models = [load_panoptic(word, device) for word in words]
        rule = _rule(models[-1], size, score, overlap, stuff_area)
        passes = _passes(models, picture, rule)
        compared = compare_segments(*passes) if len(passes) == 2 else None
        pixels = pixel or _telling(passes[-1], compared)
        stories = [_stories(passes, one, chosen) for one in pixels]
        say("drawing")
        figures = {"segments": draw_segments(picture, passes)}
        captions = {"segments": segments_caption(passes, name)}
        for number, told in enumerate(stories, 1):
            for side, story in told.items():
                stem = f"why-{number}-{side}" if len(told) > 1 else f"why-{number}"
                figures[stem] = draw_segment_story(picture, story)
                captions[stem] = segment_story_caption(story, name)
        facts = _facts(name, passes, compared, stories, "given" if pixel else PLACE_RULE)
        write_atomic(folder / "captions.txt", "\n\n".join(f"{stem}: {text}" for stem, text in captions.items()) + "\n")
        write_report(folder, "segments", facts, figures)
    for sentence in compared.sentences() if compared else (repr(passes[-1]),):
        print(sentence)
    for told in stories:
        for story in told.values():
            y, x = story.pixel
            print(f"{story.name} at y {y}, x {x}: {story.sentence()}")
    say(f"wrote {out} in {time.perf_counter() - began:.1f} s")


def _rule(
    model: PanopticSegmenter,
    size: tuple[int, int],
    score: float | None,
    overlap: float | None,
    stuff_area: int | None,
) -> MergeRule:
    standard = MergeRule.standard(table_of(model.config), size)
    return MergeRule(
        standard.score if score is None else score,
        standard.overlap if overlap is None else overlap,
        standard.stuff_area if stuff_area is None else stuff_area,
    )


def _passes(models: Sequence[PanopticSegmenter], picture: Any, rule: MergeRule) -> list[PanopticPass]:
    if len(models) == 2:
        # Two of one name are told apart by their sides.
        for one, name in zip(models, pair_names(models[0].semantic, models[1].semantic), strict=True):
            one.name = name
    passes = []
    for one in models:
        say(f"running {one.name} on {picture.shape[-2]} x {picture.shape[-1]} pixels")
        passes.append(panoptic(one, picture, rule))
    return passes


def _telling(seen: PanopticPass, compared: PanopticComparison | None) -> tuple[tuple[int, int], ...]:
    """By :data:`PLACE_RULE`, things first."""
    first = {place.kind: place.pixel for place in reversed(places(seen.merged))}
    found = [first[kind] for kind in ("thing", "stuff", "void") if kind in first]
    change = compared.changes.foremost if compared else None
    if change is not None:
        found.append(change.pixel)
    return tuple(dict.fromkeys(found))


def _stories(
    passes: Sequence[PanopticPass], pixel: tuple[int, int], method: AttributionMethod | None
) -> dict[str, SegmentStory]:
    """Of each model, by its side."""
    told = {}
    for side, seen in zip(("left", "right"), passes, strict=False):
        say(f"{seen.name}: why the segment at y {pixel[0]}, x {pixel[1]}")
        told[side] = explain_segment(seen, pixel, method=method)
    return told


def _facts(
    image: str,
    passes: Sequence[PanopticPass],
    compared: PanopticComparison | None,
    stories: Sequence[dict[str, SegmentStory]],
    chosen: str,
) -> dict[str, Any]:
    return about_run(image=image) | {
        "models": [{"model": seen.name, **seen.merged.to_dict()} for seen in passes],
        "changes": None if compared is None else compared.to_dict(),
        "chosen": chosen,
        "why": [[story.to_dict() for story in told.values()] for told in stories],
    }
