"""A small comparison, and a way to run the explorer's module outside a page."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from rsp_lab.analysis.passes.view import ModelView, view_model
from rsp_lab.data.labels import CAMVID
from rsp_lab.data.sample import Sample
from rsp_lab.explorer.module import module_source
from rsp_lab.models.presets import top_down
from rsp_lab.models.pyramid import PyramidConfig
from rsp_lab.models.relation import RelationConfig
from rsp_lab.models.segmenter import Segmenter, SegmenterConfig
from rsp_lab.shapes import Window
from tests.kit.chromium import running_chromium

RunModule = Callable[..., Any]
# Odd on purpose: no map divides this image evenly.
SIZE = (97, 131)

_NODE = """
import * as core from "./core.mjs";
import { readFileSync } from "node:fs";
const data = JSON.parse(readFileSync("data.json", "utf8"));
process.stdout.write(JSON.stringify(await (%s)(core, data)));
"""
_PAGE = """
async ([source, text, data]) => {
  const core = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  return JSON.stringify(await eval(text)(core, data));
}
"""


@pytest.fixture(scope="session")
def small(
    street: Callable[[int, int, int], Sample],
) -> tuple[Tensor, Tensor, tuple[Segmenter, Segmenter], tuple[ModelView, ModelView]]:
    """A scene with its labels, and a summing and a relating model of random weights with their views of it."""
    torch.manual_seed(0)
    sample = street(3, *SIZE)
    assert sample.label is not None
    relation = RelationConfig(window=Window(5, 2), reduction=2)
    heads = top_down(top=7, channels=64), top_down(top=7, at=(76, 65, 54, 43), fusion=relation, channels=64)
    pyramid = PyramidConfig("tiny", 32, top=7)
    first, second = (
        Segmenter(SegmenterConfig(pyramid, head, CAMVID.classes, "camvid"), name=name).eval()
        for head, name in zip(heads, ("sum", "rsp"), strict=True)
    )
    views = view_model(first, sample.image), view_model(second, sample.image)
    return sample.image, sample.label, (first, second), views


@pytest.fixture(scope="session")
def run_module(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[RunModule]:
    """Calls ``async (core, data) => result`` with the explorer's module, or another one's source as the third argument,
    in node or, where that is missing, in Chromium."""
    node = shutil.which("node")
    if node is None:
        with _chromium(request.getfixturevalue("chromium")) as run:
            yield run
        return
    folder = tmp_path_factory.mktemp("module")

    def run(function: str, data: Any, source: str = "") -> Any:
        (folder / "core.mjs").write_text(source or module_source(), encoding="utf-8")
        (folder / "data.json").write_text(json.dumps(data))
        (folder / "main.mjs").write_text(_NODE % function, encoding="utf-8")
        done = subprocess.run([node, "main.mjs"], cwd=folder, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    yield run


@contextmanager
def _chromium(path: str) -> Iterator[RunModule]:
    with running_chromium(path) as browser:
        page = browser.new_page()
        yield lambda function, data, source="": json.loads(
            page.evaluate(_PAGE, [source or module_source(), function, data])
        )


@pytest.fixture
def explorer_folder() -> Path:
    return Path(__file__).parents[2] / "rsp_lab" / "explorer" / "js"
