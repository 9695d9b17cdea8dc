"""The arena's page as Markdown: what was expected beside what came, then the tables; every number from the result."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from rsp_lab.analysis.arena.expectations import Verdict, judge
from rsp_lab.analysis.arena.methods import RANDOM
from rsp_lab.analysis.arena.result import INTERVAL_RULE, MEASURES, SWING_RULE, USED, ArenaResult
from rsp_lab.analysis.scenes.known_answer import FOLLOW_RULE, KNOWN_RULES
from rsp_lab.text import MISSING, fixed, markdown_table, signed_fixed

OUTCOMES = ("held", "failed", "undecided")
_GROUPS = {
    "relation": ("Inside the head", "Q cells of all levels, deleted and inserted in the order of each map."),
    "input": ("At the input", "Blocks of pixels, deleted and inserted in the order of each map."),
    "randomised": ("Parameters drawn anew", "Rank correlation of the map before and after: low is what a map of the "
    "model should give. All at once, nothing cascaded; at the middle distance only."),
    "known": ("Against the known answer", "Over the pairs whose cue the model uses."),
    "levels": ("By which level the cue came", "Against the change ledger between the two readings, over the pairs "
    "whose cue the model uses; of methods that tell levels apart. On the cue's level 1 is what a map has that gives "
    "every level the same."),
}  # fmt: skip
_SAME_TWICE = ("frozen_fall", "frozen_rise")
"""Equal, since the frozen head is affine, and so no more than its score says."""
_BY_DISTANCE = ("raw_weights", "ledger", "gradient_x_input", "integrated_gradients", "occlusion", "feature_ablation")


def arena_page(result: ArenaResult, figure: str = "arena.png") -> str:
    """The page; ``figure`` is where its picture lies, seen from it."""
    verdicts = judge(result)
    parts = [
        _title(),
        _plainly(result),
        _head(result),
        _in_short(result),
        _expected(result, verdicts),
        [f"![Every method by six measures]({figure})", ""],
    ]
    parts += [_group(result, group) for group in _GROUPS]
    parts += [_by_distance(result), _rules(result), _limits()]
    return "\n".join(line for part in parts for line in part).rstrip() + "\n"


def expectation_counts(verdicts: Sequence[Verdict]) -> str:
    """E.g. ``"12 held, 3 failed, 9 undecided"``."""
    return ", ".join(f"{sum(v.outcome == outcome for v in verdicts)} {outcome}" for outcome in OUTCOMES)


def left_out_words(result: ArenaResult, model: str) -> str:
    """E.g. ``"raw weights, rollout (there is no path)"``; empty where every method has an answer."""
    titles: dict[str, list[str]] = {}
    for method, why in result.left_out(model).items():
        titles.setdefault(why, []).append(result.methods[method].title)
    return "; ".join(f"{', '.join(own)} ({why})" for why, own in titles.items())


def _title() -> list[str]:
    return [
        "# The faithfulness arena",
        "",
        "Written by `rsp-lab arena`; no number is typed in. The expectations stand in the code "
        "(`rsp_lab/analysis/arena/expectations.py`), and the command prints them before it measures anything.",
        "",
    ]


def _plainly(result: ArenaResult) -> list[str]:
    """What the ledger is good for and what not, by this run's own numbers; nothing where it did not take part."""
    if "ledger" not in result.methods:
        return []

    def of(method: str, measure: str) -> str:
        if method not in result.methods:
            return MISSING
        return " and ".join(result.estimate(model, method, measure).words() for model in result.models)

    return [
        f"**What the ledger is good for, and what not** ({' and '.join(result.models)}, in this order). It says by "
        "which level and cell of the head a decision came about. How it changes with a swapped cue agrees with the "
        f"change ledger, which is exact, by {of('ledger', 'level_overlap')} of 1 over the levels (raw weights "
        f"{of('raw_weights', 'level_overlap')}); on the level by which the cue came it has "
        f"{of('ledger', 'cue_level')} times what a map has that knows no levels (raw weights "
        f"{of('raw_weights', 'cue_level')}); and when cells are taken out of the live head in its order the decision "
        f"falls as it says ({of('ledger', 'live_score')}, random {of(RANDOM.name, 'live_score')}). It does not say "
        "which pixels a decision rests on: what the encoder carried to a cell from elsewhere it books where it "
        f"arrived, so on the cue's pixels it has {of('ledger', 'cue_lift')} times what a uniform map has, where the "
        f"level x pixel matrix, which goes back through the encoder, has {of('level_pixels', 'cue_lift')} and "
        f"occlusion {of('occlusion', 'cue_lift')}.",
        "",
    ]


def _head(result: ArenaResult) -> list[str]:
    s: dict[str, Any] = dict(result.settings)
    height, width = s["size"]
    used = {model: sum(pair.used for pair in result.of_model(model)) for model in result.models}
    right = {
        model: fmean(margin > 0 for pair in result.of_model(model) for margin in pair.margins)
        for model in result.models
    }
    pairs = len(result.of_model(result.models[0]))
    lines = [
        "Every method explains the same decisions: on a drawn scene, the class of the ambiguous region over that of "
        "its other reading. The two readings' pictures differ on the cue alone, so what a model's answer gains from "
        "it is known. "
        f"{pairs} pairs of {height} x {width} pixels per model: {len(s['cases'])} cases, cues "
        f"{', '.join(map(str, s['distances']))} pixels away, {s['scenes']} scene{'s' if s['scenes'] > 1 else ''} each; "
        f"{s['seeds']} random orders and maps per decision as the control. Numbers are {INTERVAL_RULE}.",
        "",
        f"Settings: {_settings(result)}. What is taken away is replaced by the reference {s['reference']}; curves at "
        f"the input have {s['input_steps']} steps.",
        "",
    ]
    if "of another make" in result.heads.values():
        lines += [
            "Of a network without top-down steps the head is what lies behind its cut, the maps of the cut are Q, and "
            "all gates are held where weights are of a head of ours.",
            "",
        ]
    lines += [
        f"- **{model}**{_make(result, model)} reads {100 * right[model]:.0f} % of the regions right and uses the cue "
        f"in {used[model]} of {pairs} pairs (at least {USED:g} logits when it is swapped). {_residual(result, model)}"
        f"{f' Left out: {out}.' if (out := left_out_words(result, model)) else ''}"
        for model in result.models
    ]
    return [*lines, ""]


def _make(result: ArenaResult, model: str) -> str:
    return ", without top-down steps," if result.heads[model] == "of another make" else ""


def _residual(result: ArenaResult, model: str) -> str:
    residuals = [pair.residual for pair in result.of_model(model) if pair.residual is not None]
    if not residuals:
        return "No ledger of it adds up, so nothing is measured inside its head or by level."
    return f"Largest residual of a ledger {max(residuals):.1g}."


def _settings(result: ArenaResult) -> str:
    """E.g. ``"occlusion (window 48, stride 48), rollout (kept 0.5)"``."""
    words = {
        m.title: ", ".join(f"{name} {value}" for name, value in m.settings().items()) for m in result.methods.values()
    }
    return ", ".join(f"{title} ({settings})" for title, settings in words.items() if settings) or "none"


def _in_short(result: ArenaResult) -> list[str]:
    """Which methods do best, and which are told apart from a map that knows nothing."""
    lines = ["## In short", ""]
    for model in result.models:
        lines += [f"**{model}**", ""]
        for measure, where in (("live_score", "Inside the head (live)"), ("input_score", "At the input")):
            table = {m: result.estimate(model, m, measure) for m in result.methods}
            table = {m: found for m, found in table.items() if not math.isnan(found.mean)}
            if table:
                highest = max(table.values(), key=lambda found: found.mean)
                best = [m for m, found in table.items() if highest.mean - found.mean < 1e-3]
                beat = [m for m in table if result.estimate(model, m, measure, minus=RANDOM.name).low > 0]
                lines.append(
                    f"- {where}, highest: {_titles(result, best)}, {highest} (random {table[RANDOM.name]}). Above "
                    f"random on the same pairs: {_titles(result, beat)}."
                )
        for measure, chance, where in (
            ("cue_lift", 1.0, "More on the cue than a uniform map"),
            ("follow", 0.0, "Following the cue's swap"),
        ):
            found = {m: result.estimate(model, m, measure) for m in result.methods}
            above, below = [m for m in found if found[m].low > chance], [m for m in found if found[m].high < chance]
            lines.append(
                f"- {where}: {_titles(result, above)}. The opposite: {_titles(result, below)}. The others are "
                "undecided."
            )
        lines += [f"- Pairs in which a map has more on a used cue than a uniform one: {_counts(result, model)}.", ""]
    return lines


def _counts(result: ArenaResult, model: str) -> str:
    """Lifts are skewed over cases, so that a mean may be undecided where every pair agrees."""
    counts = []
    for method in result.methods:
        if method in result.left_out(model):
            continue
        own = [pair.values.get(method, {}) for pair in result.of_model(model) if pair.used]
        lifts = [values["cue_lift"] for values in own if "cue_lift" in values]
        counts.append((sum(lift > 1 for lift in lifts), len(lifts), result.methods[method].title))
    return ", ".join(f"{title} {count} of {of}" for count, of, title in sorted(counts, key=lambda entry: -entry[0]))


def _titles(result: ArenaResult, methods: Sequence[str]) -> str:
    return ", ".join(result.methods[method].title for method in methods) or "none"


def _expected(result: ArenaResult, verdicts: Sequence[Verdict]) -> list[str]:
    lines = [
        "## What was expected, and what came",
        "",
        "Held: the 95 % interval of the difference lies wholly where it was expected. Failed: wholly elsewhere. "
        "Undecided: neither, or fewer than two pairs. Each is judged alone, so of many true ones a few fail by chance.",
        "",
    ]
    lines += [f"- {model}: {expectation_counts([v for v in verdicts if v.model == model])}." for model in result.models]
    by_claim: dict[str, dict[str, Verdict]] = {}
    for verdict in verdicts:
        by_claim.setdefault(verdict.expectation.sentence(), {})[verdict.model] = verdict
    rows = []
    for sentence, by_model in by_claim.items():
        reason = next(iter(by_model.values())).expectation.reason
        cells = [_outcome(by_model[m]) if m in by_model else "–" for m in result.models]
        rows.append([sentence, reason, *cells])
    return [*lines, "", *markdown_table(["expected", "because", *result.models], rows, left=2), ""]


def _outcome(verdict: Verdict) -> str:
    word = f"**{verdict.outcome}**" if verdict.outcome == "failed" else verdict.outcome
    return f"{word} ({verdict.difference.words(difference=True)})"


def _group(result: ArenaResult, group: str) -> list[str]:
    title, words = _GROUPS[group]
    measures = [name for name, measure in MEASURES.items() if measure.group == group and name not in _SAME_TWICE]
    lines = [f"## {title}", "", words, ""]
    for model in result.models:
        rows = [
            [result.methods[method].title, *(str(result.estimate(model, method, measure)) for measure in measures)]
            for method in result.methods
            if method not in result.left_out(model)
        ]
        if group == "levels":
            rows = [row for row in rows if set(row[1:]) != {"–"}]
        if all(cell == "–" for row in rows for cell in row[1:]):
            continue
        if group == "known":
            share = str(result.uniform(model))
            rows.append(["*a uniform map*", *({"cue_share": share, "cue_lift": "1"}.get(m, "") for m in measures)])
        lines += [
            f"### {title}: {model}",
            "",
            *markdown_table(["method", *(MEASURES[m].title for m in measures)], rows),
            "",
        ]
    return lines


def _by_distance(result: ArenaResult) -> list[str]:
    methods = [method for method in _BY_DISTANCE if method in result.methods]
    lines = [
        "## By case and distance",
        "",
        f"Swing: {SWING_RULE}. Then the cue's share of each map's positive mass over what a uniform map gets, of all "
        f"pairs. Below a swing of {USED:g} logits the map owes the cue nothing; such pairs are left out above.",
        "",
    ]
    for model in result.models:
        rows = []
        for case, distance in sorted({(pair.case, pair.distance) for pair in result.of_model(model)}):
            own = [p for p in result.of_model(model) if (p.case, p.distance) == (case, distance)]
            lifts = [[lift for p in own if (lift := p.values.get(m, {}).get("cue_lift")) is not None] for m in methods]
            swing = signed_fixed(fmean(p.swing for p in own))
            rows.append([f"{case}, {distance} px", swing, *(fixed(fmean(v) if v else None) for v in lifts)])
        titles = ["case and distance", "swing", *(result.methods[m].title for m in methods)]
        lines += [f"### By case and distance: {model}", "", *markdown_table(titles, rows), ""]
    return lines


def _rules(result: ArenaResult) -> list[str]:
    lines = ["## Definitions", ""]
    lines += [f"- **{method.title}** ({method.level} level): {method.rule}." for method in result.methods.values()]
    lines += [""]
    whole = [m for name, m in MEASURES.items() if m.group != "known" and not name.endswith(("_fall", "_rise"))]
    lines += [f"- *{m.title}*: {m.rule}." for m in whole]
    lines += ["- *deletion*, *insertion*: mean fall, and mean rise, of the target along the one curve, over the same."]
    lines += [f"- *{MEASURES[name].title}*: {rule}." for name, rule in {**KNOWN_RULES, "follow": FOLLOW_RULE}.items()]
    return [*lines, ""]


def _limits() -> list[str]:
    return [
        "## What this does not show",
        "",
        "- The ledger, the weights and gradient x Q speak of the head: what the backbone carried to a cell of a Q map "
        "from elsewhere is booked at that cell. A cue that reaches the region through the backbone is theirs to miss.",
        "- Replaced blocks and zeroed cells are off the data. Only differences from the random control say something.",
        "- A pixel map reaches cells, and a cell map pixels, by area alone; each is at home on its own level.",
        "- Occlusion's windows and Grad-CAM's cells are coarse beside a small cue, which costs them share.",
        "- One trained model of each kind: intervals are over scenes, not over trainings.",
    ]
