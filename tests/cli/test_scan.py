"""rsp-lab scan: its one file, going on where it was, several processes, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from rsp_lab.analysis.scan.scan import Scan
from rsp_lab.analysis.scan.scan_file import read_scan
from rsp_lab.cli import main
from rsp_lab.data.camvid import CamVid
from rsp_lab.data.sample import Sample
from rsp_lab.files import digest
from rsp_lab.models.weights import shipped
from tests.kit.processes import torchrun

pytestmark = pytest.mark.usefixtures("unchecked_module")
ROOT = Path(__file__).parents[2]
PAIR = ("camvid-baseline-tiny", "camvid-rsp4-tiny")
MODELS = ("--left", PAIR[0], "--right", PAIR[1])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, street: Callable[[int, int, int], Sample]) -> Path:
    """CamVid's folders with three small drawn streets, of which one has no label."""
    root = tmp_path_factory.mktemp("camvid")
    for folder in ("val", "valannot", "train", "trainannot"):
        (root / folder).mkdir()
    for seed in range(3):
        sample = street(seed, 64, 96)
        assert sample.label is not None
        Image.fromarray(sample.image.permute(1, 2, 0).numpy()).save(root / "val" / f"{seed}.png")
        if seed < 2:
            Image.fromarray(sample.label.numpy()).save(root / "valannot" / f"{seed}.png")
    return root


@pytest.fixture(autouse=True)
def _environment(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMVID_ROOT", str(root))


def run(out: Path, *words: str) -> Scan:
    main.main(["scan", "camvid", *MODELS, "-o", str(out), *words])
    return read_scan(out)


@pytest.fixture(scope="module")
def written(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a whole run."""
    out = tmp_path_factory.mktemp("scan") / "found.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAMVID_ROOT", str(root))
        run(out)
    return out


def test_its_file_is_a_scan_of_these_weights(written: Path) -> None:
    found = read_scan(written)

    assert {path.name for path in written.parent.iterdir()} == {"found.json", "found.state.json"}
    assert found.names == PAIR
    assert found.digests == tuple(digest(shipped()[name]) for name in PAIR)
    assert (found.data, found.split, found.images) == ("camvid", "val", 3)
    rate = found.rate("disagreement")
    assert rate.unknown > 0
    assert rate.total > rate.unknown


def test_it_goes_on_where_it_was(
    written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []
    plain = CamVid.__getitem__

    def reading(self: CamVid, index: int) -> Sample:
        reads.append(index)
        return plain(self, index)

    monkeypatch.setattr(CamVid, "__getitem__", reading)
    out = tmp_path / "found.json"
    assert run(out, "--limit", "2").images == 2
    said = capsys.readouterr()
    assert "2 of 2 images" in said.err
    assert "is right and" in said.out
    run(out, "--json")
    assert reads == [0, 1, 1, 2]
    assert out.read_bytes() == written.read_bytes()
    assert json.loads(capsys.readouterr().out)["images"] == 3
    assert run(out, "--limit", "1", "--fresh").images == 1


def test_torchrun_writes_the_same_file(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}.items():
        monkeypatch.setenv(name, value)
    out = tmp_path / "found.json"
    torchrun("-m", "rsp_lab", "scan", "camvid", *MODELS, "-o", str(out))

    assert "process 2 of 2" in capfd.readouterr().err
    ours, theirs = read_scan(written), read_scan(out)
    assert theirs.rates == ours.rates
    # The last digits of a residual hang on how many threads torch has.
    same = [(one.rank, one.sample, one.box, one.right, one.sentence()) for one in theirs.cards]
    assert same == [(one.rank, one.sample, one.box, one.right, one.sentence()) for one in ours.cards]


def test_an_interruption_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: CamVid, index: int) -> Sample:
        raise KeyboardInterrupt

    monkeypatch.setattr(CamVid, "__getitem__", interrupted)
    with pytest.raises(SystemExit) as stopped:
        run(tmp_path / "found.json")
    assert stopped.value.code == 130
    assert capsys.readouterr().err == "rsp-lab: interrupted; nothing was kept yet\n"

    (tmp_path / "found.state.p0.json").touch()
    with pytest.raises(SystemExit):
        run(tmp_path / "found.json")
    assert f"kept in {tmp_path / 'found.state.json'}, and the same command goes on" in capsys.readouterr().err


def test_drawn_scenes_have_their_own_weights_and_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main.main(["scan", "small-scenes", "-o", str(tmp_path / "a.json"), "--limit", "1"])

    found = read_scan(tmp_path / "a.json")
    assert (found.names, found.split) == (("scenes-baseline", "scenes-rsp4"), "test")
    assert found.rate("turned").total == 1
    assert "drawn scenes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["camvid", "--limit", "0"], "--limit must be at least 1"),
        (["camvid", "--least", "0"], "--least must be at least 1"),
        (["camvid", "--split", "extra"], "no split of CamVid"),
        (["camvid", "--split", "train"], "holds no images"),
        (["places"], "no data set here; expected one of camvid"),
        (["small-scenes", *MODELS], "know other classes than small-scenes has"),
        (["camvid", "--right", "scenes-rsp4-tiny", "--left", PAIR[0]], "trained on the same classes"),
        (["camvid", "--left", "camvid-rsp5"], "camvid-rsp5"),
    ],
)
def test_what_it_refuses(words: list[str], says: str, tmp_path: Path, fails: Callable[[list[str]], str]) -> None:
    out = tmp_path / "out" / "found.json"
    assert says in fails(["scan", *words, "-o", str(out)])
    assert not out.parent.exists()


def test_only_a_scan_is_replaced_and_states_are_checked(
    tmp_path: Path, written: Path, fails: Callable[[list[str]], str]
) -> None:
    other = tmp_path / "results.json"
    other.write_text('{"mine": 1}')
    assert f"{other} is there and is no scan" in fails(["scan", "camvid", *MODELS, "-o", str(other)])
    assert other.read_text() == '{"mine": 1}'
    assert "is a folder" in fails(["scan", "camvid", *MODELS, "-o", str(tmp_path)])
    refused = fails(["scan", "camvid", *MODELS, "-o", str(written), "--least", "31"])
    assert "another question (other least)" in refused
    assert "(-o names another place, --fresh starts over)" in refused
