"""rsp-lab film: its files, going on where it was, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from rsp_lab.analysis.film import run
from rsp_lab.analysis.film.film_file import read_film
from rsp_lab.cli import film, main
from tests.kit.films import kept_run, question, write_state

pytestmark = pytest.mark.usefixtures("unchecked_module")
Fails = Callable[[list[str]], str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kept_run(tmp_path_factory.mktemp("runs") / "mine", (2, 4, 8))


def test_its_files_are_there_and_a_second_call_only_draws(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(film, "can_write_mp4", lambda: "it is not installed")
    out = tmp_path / "film"
    words = ["film", str(folder), "-o", str(out), "--states", "2", "--case", "car-bus", "--scenes", "1"]
    main.main(words)
    said = capsys.readouterr()

    names = {"film.json", "film.gif", "film.png", "film.pdf", "film.txt", "film.state.json"}
    assert {path.name for path in out.iterdir()} == names
    assert "no film.mp4: it is not installed" in said.err
    assert "2 of 3 kept states" in said.err
    made = read_film(out / "film.json")
    assert (made.name, made.updates) == ("mine", (2, 8))
    assert said.out.splitlines() == [made.sentence(), made.at(0), made.at(1)]
    with Image.open(out / "film.gif") as gif:
        assert gif.n_frames == 2  # type: ignore[attr-defined]

    monkeypatch.setattr(run, "film_state", lambda *_: pytest.fail("a state was looked at again"))
    monkeypatch.setattr(film, "film_frames", lambda _: [question().image.permute(1, 2, 0).numpy()])
    main.main([*words, "--json"])
    assert '"says"' in capsys.readouterr().out


def test_what_it_refuses(folder: Path, tmp_path: Path, fails: Fails) -> None:
    out = ["-o", str(tmp_path / "out")]
    write_state(tmp_path / "bare", 3, name="last.safetensors")

    assert "holds no kept states" in fails(["film", str(tmp_path / "bare"), *out])
    single = kept_run(tmp_path / "single", (3,))
    assert "keeps one state alone" in fails(["film", str(single), *out])
    assert "--states must be at least 2" in fails(["film", str(folder), *out, "--states", "1"])
    assert "--case 'none': there are person-rider" in fails(["film", str(folder), *out, "--case", "none"])
    assert "--pixel Y X" in fails(["film", str(folder), *out, "--image", "a.png"])
    for word in ("--class", "--rival"):
        assert "--class and --rival are of a pixel: give --pixel" in fails(["film", str(folder), *out, word, "car"])
    photo = ["--image", "a.png", "--pixel", "1", "2"]
    for words in (["--case", "car-bus"], ["--seed", "3"], ["--reading", "1"]):
        assert "are of a drawn scene: leave them off" in fails(["film", str(folder), *out, *photo, *words])
    assert "give it by --image" in fails(["film", str(folder), *out, "--after", "a.png"])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "film.json").write_text("{}")
    assert "is there and is no film" in fails(["film", str(folder), *out])
