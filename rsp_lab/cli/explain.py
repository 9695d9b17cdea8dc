"""``rsp-lab explain``: the story of one pixel in two models."""

from __future__ import annotations

from rsp_lab.analysis.comparison import explain as explanation
from rsp_lab.cli import arguments
from rsp_lab.cli.reports import ReportFiles, report_facts, report_folder, write_report
from rsp_lab.data.images import read_image
from rsp_lab.figures.results.ledger import draw_ledger
from rsp_lab.files import readable_name, to_json

FILES = ReportFiles("explain.json", ("explain",))


def explain(
    image: arguments.Image,
    *,
    decision: arguments.PixelDecision,
    models: arguments.Models = arguments.CAMVID_PAIR,
    results: arguments.Results = arguments.PRINTED,
) -> None:
    """The story of one pixel in two models: what each level and cell adds to the decision, what was refused, the gaze.

    With -o, also writes explain.png, explain.pdf and explain.json.
    """
    FILES.check(results.out, (image, *models.files))
    picture, pair = read_image(image), models.load()
    with report_folder(results.out, (image, *models.files), FILES) as folder:
        story = explanation.explain(*pair, picture, decision.target)
        facts = report_facts(story, image=readable_name(image.name))
        if folder is not None:
            write_report(folder, "explain", facts, {"explain": draw_ledger(story.image, story.accounts)})
    print(to_json(facts) if results.json else story.text())
