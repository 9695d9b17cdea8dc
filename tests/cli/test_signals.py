"""A signal ends each program with 130 and one line: while it is imported, and while it draws."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from rsp_lab.data.sample import Sample

ROOT = Path(__file__).parents[2]
INTERPRETER = sys.executable
pytestmark = pytest.mark.usefixtures("forked_python")
BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
FEW_PAIRS = ["--cases", "person-rider", "--distances", "8", "--methods", "ledger", "random", "--size", "64", "128"]
SIGNALLING_TORCH = "import os, time; os.kill(os.getpid(), {number}); time.sleep(60)"
WHILE_DRAWING = """
import os, signal, sys, time
from rsp_lab import __main__
from rsp_lab.figures import style

def asked_to_stop(*_, **__):
    os.kill(os.getpid(), {number})
    time.sleep(60)

style.save = asked_to_stop
sys.argv[0] = "rsp-lab"
__main__.main()
"""


def run(words: list[str], executable: str = "", **environment: str) -> tuple[int, str, list[str]]:
    done = subprocess.run(
        [executable or sys.executable, *words],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr.splitlines()


@BOTH
@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["rsp_lab", "models"], "rsp-lab: interrupted"),
        (["trainers", "evaluate", "runs/none"], "python -m trainers: interrupted"),
    ],
)
def test_while_torch_is_imported(words: list[str], line: str, number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text(SIGNALLING_TORCH.format(number=int(number)))

    assert run(["-m", *words], INTERPRETER, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}") == (130, "", [line])


@pytest.fixture
def photograph(tmp_path: Path, street: Callable[[int, int, int], Sample]) -> Path:
    path = tmp_path / "street.png"
    Image.fromarray(street(1, 64, 96).image.permute(1, 2, 0).numpy()).save(path)
    return path


def test_while_a_comparison_is_drawn(photograph: Path, tmp_path: Path) -> None:
    code = WHILE_DRAWING.format(number=int(signal.SIGTERM))
    returned, out, err = run(["-c", code, "compare", str(photograph), "-o", str(tmp_path / "deep" / "out")])

    assert (returned, out) == (130, "")
    assert [line for line in err if line.startswith("rsp-lab:")] == ["rsp-lab: interrupted; nothing was written"]
    assert "Traceback" not in "\n".join(err)
    assert not (tmp_path / "deep").exists()


@pytest.mark.parametrize("command", ["trade", "arena"])
def test_while_kept_results_are_drawn(command: str, tmp_path: Path, photograph: Path, street) -> None:
    for folder in ("val", "valannot"):
        (tmp_path / "camvid" / folder).mkdir(parents=True)
    sample = street(1, 64, 96)
    photograph.rename(tmp_path / "camvid" / "val" / "0.png")
    Image.fromarray(sample.label.numpy()).save(tmp_path / "camvid" / "valannot" / "0.png")
    words = ["trade", "camvid"] if command == "trade" else ["arena", "--models", "scenes-rsp4", *FEW_PAIRS]
    returned, out, err = run(
        ["-c", WHILE_DRAWING.format(number=int(signal.SIGINT)), *words, "-o", str(tmp_path / "out")],
        CAMVID_ROOT=str(tmp_path / "camvid"),
    )

    assert (returned, out) == (130, "")
    assert len([line for line in err if line.startswith("rsp-lab: interrupted; what is done is kept in")]) == 1
    assert "the same command goes on" in err[-1]
    assert "Traceback" not in "\n".join(err)
    assert not list((tmp_path / "out").glob(".unfinished*"))


# The work itself, which takes seconds to import, is over by then.
WHILE_PYTHON_SHUTS_DOWN = """
import os, sys, types
sys.modules["{work}"] = types.SimpleNamespace(main=lambda: {code})
from {package} import __main__

class Late:
    '''Freed with the interpreter, after its handlers of signals.'''

    def __init__(self, kill=os.kill, pid=os.getpid()):
        self.kill, self.pid = kill, pid

    def __del__(self):
        self.kill(self.pid, {number})

sys.late = Late()
sys.exit(__main__.main())
"""


@BOTH
@pytest.mark.parametrize(
    ("package", "work", "code"), [("rsp_lab", "rsp_lab.cli.main", 0), ("trainers", "trainers.commands", 2)]
)
def test_while_python_shuts_down_after_the_work(package: str, work: str, code: int, number: signal.Signals) -> None:
    script = WHILE_PYTHON_SHUTS_DOWN.format(package=package, work=work, code=code, number=int(number))

    assert run(["-c", script], INTERPRETER)[0] == code
