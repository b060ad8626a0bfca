"""Work in stages: what is done is taken up, what was cut short or altered is done again, and one process works at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_runtime.errors import DeviceError, Locked
from export.stages import Findings, Product, Stage, Work

ROOT = Path(__file__).resolve().parents[2]
TOWER = ("weights", "float16")


class Bench:
    """Carries out stages that write their own name, and counts how often each was carried out."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.made, self.said = folder / "bundle.unfinished", list[str](), list[str]()

    def run(self, name: str, inputs: tuple[str, ...] = TOWER, findings: Findings | None = None) -> Product:
        def make(out: Path) -> Findings:
            self.made.append(name)
            (out / "file").write_text(name, encoding="utf-8")
            return findings or Findings()

        with Work(self.folder, self.said.append) as work:
            return work.product(Stage(name, make, inputs))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_what_is_done_is_taken_up_and_that_is_said(bench: Bench) -> None:
    found = Findings({"cosine": 0.5, "nothing": float("nan")}, ("too far off",))
    first, second = bench.run("tower", findings=found), bench.run("tower")
    assert bench.made == ["tower"]
    assert bench.said == ["tower: begun", "tower: done", "tower: taken up from an earlier run"]
    assert second.file("file").read_text(encoding="utf-8") == "tower"
    assert second.digest == first.digest
    assert repr(second.findings) == repr(found)


@pytest.mark.parametrize("inputs", [("weights", "int8"), ("other weights", "float16"), ("weights",)])
def test_of_other_inputs_it_is_made_anew_and_the_first_is_kept(bench: Bench, inputs: tuple[str, ...]) -> None:
    assert bench.run("tower").folder != bench.run("tower", inputs).folder
    bench.run("tower")
    assert bench.made == ["tower", "tower"]


def test_products_that_differ_have_other_digests(bench: Bench) -> None:
    plain, measured = bench.run("tower"), bench.run("gate", findings=Findings({"cosine": 1.0}))
    assert plain.digest != measured.digest


@pytest.mark.parametrize(
    "damage",
    [
        lambda product: product.file("file").write_text("something else", encoding="utf-8"),
        lambda product: product.file("file").unlink(),
        lambda product: product.file("product.json").write_text("{", encoding="utf-8"),
        lambda product: product.file("product.json").unlink(),
    ],
    ids=["altered", "file gone", "record cut off", "record gone"],
)
def test_what_is_not_as_it_was_written_is_made_anew(bench: Bench, damage: Callable[[Product], object]) -> None:
    damage(bench.run("tower"))
    assert bench.run("tower").file("file").read_text(encoding="utf-8") == "tower"
    assert bench.made == ["tower", "tower"]


def test_a_stage_that_fails_leaves_nothing(bench: Bench) -> None:
    def make(out: Path) -> Findings:
        (out / "file").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with Work(bench.folder) as work, pytest.raises(DeviceError, match="no space left") as refusal:
        work.product(Stage("tower", make, TOWER))
    assert "what is done so far is kept" in refusal.value.hint
    assert list(bench.folder.iterdir()) == []


def test_two_cannot_work_in_one_folder(bench: Bench) -> None:
    with Work(bench.folder), pytest.raises(Locked, match="another process is at work"):
        Work(bench.folder)
    bench.run("tower")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DeviceError, match="cannot write"):
        Work(tmp_path / "file" / "bundle.unfinished")


def test_cleared_there_is_nothing_left(bench: Bench) -> None:
    bench.run("tower")
    with Work(bench.folder) as work:
        work.clear()
    assert not bench.folder.exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from export.stages import Findings, Stage, Work

def make(out):
    (out / "file").write_text("tower")
    if sys.argv[2] == "inside":
        os.kill(os.getpid(), signal.SIGKILL)
    return Findings()

with Work(Path(sys.argv[1])) as work:
    work.product(Stage("tower", make, ("weights", "float16")))
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("when", "made"), [("inside", ["tower"]), ("behind", [])])
def test_killed_inside_a_stage_it_is_made_anew_killed_behind_it_is_taken_up(bench: Bench, when: str, made: list[str]) -> None:
    command = [sys.executable, "-c", KILLED, os.fspath(bench.folder), when]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": os.fspath(ROOT)}, check=False)  # noqa: S603
    assert done.returncode == -signal.SIGKILL
    assert bench.run("tower").file("file").read_text(encoding="utf-8") == "tower"
    assert bench.made == made
    assert [path.name for path in bench.folder.iterdir() if path.name.endswith(".part")] == []
