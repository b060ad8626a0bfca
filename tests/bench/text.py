"""What reading text costs and how well it reads: ``python -m tests.bench.text [--quick] [--json] [--check]``.

Prints processor time per read at a longest side of 640 and of 320 px; the share of rendered lines read exactly, by condition, as they
are and enlarged twice; five looks put together against one; and lines read where there is no text. ``--check`` exits 1 below the levels.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.models.bundle import load_bundle
from edge_runtime.models.text_onnx import ReadLine, TextReader
from edge_runtime.pixels import jpeg_decode, limit_side
from edge_runtime.remember.text_votes import Reading, best, merge
from edge_runtime.types import Box, TextLine
from tests.text_scenes import CONDITIONS, LETTER_HEIGHTS_PX, TEXTS, Picture, draw, enlarged, scenes, textless

PHOTOGRAPHS = Path(__file__).resolve().parents[3] / "shared" / "data" / "concepts"
SUBJECTS_WITHOUT_TEXT = (
    "backpack", "cat", "dog", "dog3", "dog6", "dog8", "fancy_boot", "poop_emoji", "red_cartoon", "shiny_sneaker",
)  # fmt: skip
ACCEPT = 0.8
EXACT_MUST = 0.95
FALSE_MUST = 0.01
SIDES_PX = (640, 320)


def card() -> Picture:
    """A page of 640 x 640 px with six lines of 20 px capitals."""
    page = np.full((640, 640, 3), 235, dtype=np.uint8)
    for i, text in enumerate(TEXTS[1:12:2]):
        y, x = 60 + 190 * (i // 2), 30 + 310 * (i % 2)
        page[y : y + 80, x : x + 260] = draw(text, 20, font=i % 4)[60:140, 70:330]
    return page


def cost(reader: TextReader, reads: int) -> dict[str, Any]:
    """Processor and wall time of a read of the same page at each side."""
    found: dict[str, Any] = {}
    for side in SIDES_PX:
        page = limit_side(card(), side)
        reader.read(page)
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(reads):
            lines = reader.read(page)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        found[str(side)] = {"cpu_ms": 1e3 * cpu / reads, "wall_ms": 1e3 * wall / reads, "lines": len(said(lines))}
    return found


def exact(reader: TextReader, seeds: int) -> dict[str, float]:
    """Share of rendered lines read exactly and as the only line, by condition, height of capitals and enlargement."""
    rates = {}
    for condition in CONDITIONS:
        for letter_px in LETTER_HEIGHTS_PX:
            for times in (1, 2):
                tried = [scene for seed in range(seeds) for scene in scenes(condition, letter_px, 1000 * seed)]
                right = sum(said(reader.read(enlarged(scene.image, times))) == [scene.text] for scene in tried)
                rates[f"{condition}, {letter_px} px, x{times}"] = right / len(tried)
    return rates


def votes(reader: TextReader) -> dict[str, float]:
    """One look against five put together, on badly blurred small capitals seen by a moving head."""
    alone, together = [], []
    for number, text in enumerate(TEXTS):
        moves, reading = np.random.default_rng(number), Reading()
        for look in range(5):
            tilt, x, y = float(moves.uniform(-8, 8)), int(moves.integers(-20, 20)), int(moves.integers(-20, 20))
            seen = draw(text, 12, font=number // 4 % 4, colours=number % 4, seed=50 * number + look, turn_deg=tilt, blur_px=1.7, noise=16)
            image = enlarged(np.roll(seen, (y, x), (0, 1)))
            lines = reader.read(image)
            alone.append(said(lines) == [text])
            reading = merge(reading, [in_frame(line, image) for line in lines])
        together.append([line.text for line in best(reading, ACCEPT)] == [text])
    return {"one look": float(np.mean(alone)), "five looks": float(np.mean(together))}


def false_lines(reader: TextReader, rendered: int) -> dict[str, Any]:
    """Lines accepted in pictures without text: rendered ones, and photographs, whole and in enlarged quarters, if they are there."""
    shapes = [said(reader.read(textless(seed))) for seed in range(rendered)]
    report: dict[str, Any] = {"rendered": {"reads": len(shapes), "lines": sum(map(len, shapes))}}
    if PHOTOGRAPHS.is_dir():
        paths = [path for subject in SUBJECTS_WITHOUT_TEXT for path in sorted((PHOTOGRAPHS / subject).glob("*.jpg"))]
        views = [view for path in paths for view in quarters(jpeg_decode(path.read_bytes()))]
        read = [said(reader.read(view)) for view in views]
        report["photographs"] = {"reads": len(read), "lines": sum(map(len, read)), "text": sorted(text for lines in read for text in lines)}
    return report


def quarters(image: Picture) -> list[Picture]:
    """A picture, and five parts of half its width, enlarged twice: the corners and the middle."""
    side = min(image.shape[:2]) // 2
    down, across = image.shape[0] - side, image.shape[1] - side
    corners = ((0, 0), (0, across), (down, 0), (down, across), (down // 2, across // 2))
    return [image, *(enlarged(image[y : y + side, x : x + side]) for y, x in corners)]


def said(lines: Sequence[ReadLine]) -> list[str]:
    """What is accepted of a reading."""
    return [line.text for line in lines if line.confidence >= ACCEPT]


def in_frame(line: ReadLine, image: Picture) -> TextLine:
    """A line with its box normalised."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = line.box
    return TextLine(line.text, line.confidence, Box(x0 / width, y0 / height, x1 / width, y1 / height))


def measure(quick: bool) -> dict[str, Any]:
    """Everything, with the prepared pocket bundle."""
    bundle = load_bundle("pocket")
    text = bundle.manifest.text
    if text is None:
        raise SystemExit("the pocket bundle cannot read")
    with TextReader(bundle.file(text.detector), bundle.file(text.recogniser), threads=2) as reader:
        return {
            "cost": cost(reader, 10 if quick else 40),
            "exact": exact(reader, 1),
            "votes": votes(reader),
            "false": false_lines(reader, 40 if quick else 200),
        }


def failures(report: dict[str, Any]) -> list[str]:
    """What lies below the levels."""
    rates = [rate for name, rate in report["exact"].items() if not name.startswith("hard")]
    found = []
    if (rate := float(np.mean(rates))) < EXACT_MUST:
        found.append(f"{rate:.1%} of lines read exactly, {EXACT_MUST:.0%} wanted")
    for where, counts in report["false"].items():
        if counts["lines"] > FALSE_MUST * counts["reads"]:
            found.append(f"{counts['lines']} false lines in {counts['reads']} {where} pictures, {FALSE_MUST:.0%} allowed")
    if report["votes"]["five looks"] <= report["votes"]["one look"]:
        found.append("five looks read no better than one")
    return found


def show(report: dict[str, Any]) -> None:
    """Print for a person."""
    for side, figures in report["cost"].items():
        print(f"side {side} px    {figures['cpu_ms']:6.1f} ms CPU a read, {figures['wall_ms']:.1f} ms wall, {figures['lines']} of 6 lines")
    print("read exactly, and nothing else")
    for name, rate in report["exact"].items():
        print(f"  {name:<28}{rate:6.0%}")
    print(f"blurred small capitals: one look {report['votes']['one look']:.0%}, five looks {report['votes']['five looks']:.0%}")
    for where, counts in report["false"].items():
        print(f"false lines in {counts['reads']} {where} without text: {counts['lines']} {counts.get('text') or ''}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and check if asked to."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.text")
    parser.add_argument("--quick", action="store_true", help="fewer pictures")
    parser.add_argument("--json", action="store_true", help="print figures as JSON")
    parser.add_argument("--check", action="store_true", help="exit 1 below the levels")
    options = parser.parse_args(arguments)
    report = measure(options.quick)
    if options.json:
        print(json.dumps(report, indent=1))
    else:
        show(report)
    failed = failures(report) if options.check else []
    for failure in failed:
        print(f"below level: {failure}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
