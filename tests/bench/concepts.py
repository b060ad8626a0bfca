"""How well the pocket bundle's vector tells personal things apart: ``python -m tests.bench.concepts [--json]``.

Photographs of subjects, a folder each, several views of every one (``../shared/data/concepts`` beside the project).
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
import numpy.typing as npt

from edge_runtime.config import RememberConfig
from edge_runtime.models.bundle import load_bundle
from edge_runtime.models.vision_onnx import Encoder
from edge_runtime.pixels import jpeg_decode
from edge_runtime.remember.lessons import agreeing

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "concepts"
DRAWS = 60
THRESHOLDS = (0.25, 0.30, 0.35, 0.40, 0.45, 0.50, 0.55, 0.60)

Array = npt.NDArray[np.float64]


def auc(positive: Array, negative: Array) -> float:
    """Probability that a positive scores higher than a negative (Mann and Whitney), ties counted half."""
    order = np.sort(negative)
    below, upto = np.searchsorted(order, positive, "left"), np.searchsorted(order, positive, "right")
    return float((below + upto).mean() / 2 / negative.size)


def pair_auc(vectors: Array, subjects: npt.NDArray[Any]) -> float:
    """Same against different subject, over all pairs of photographs."""
    first, second = np.triu_indices(len(vectors), 1)
    scores = (vectors @ vectors.T)[first, second]
    same = subjects[first] == subjects[second]
    return auc(scores[same], scores[~same])


def taught(vectors: Array, subjects: npt.NDArray[Any], views: int) -> dict[str, Any]:
    """Teach every subject from ``views`` random photographs and ask the others, many times over.

    A photograph's score for a subject is its cosine with the mean of the views. Closed: its own subject is among those taught.
    Open: only half of the subjects are taught, and photographs of the other half are strangers. Accepted, at each level: ``own`` by
    its own concept, ``wrong`` by another although its own is taught, ``other`` by one given concept that it does not show, and
    ``stranger`` by any of the taught ones.
    """
    rng = np.random.default_rng(0)
    names = np.unique(subjects)
    right: list[bool] = []
    own: list[float] = []
    best: list[float] = []
    others: list[float] = []
    strangers: list[float] = []
    for _ in range(DRAWS):
        prototypes: list[Array] = []
        asked: list[int] = []
        for name in names:
            order = rng.permutation(np.flatnonzero(subjects == name))
            mean = vectors[order[:views]].mean(axis=0)
            prototypes.append(mean / np.linalg.norm(mean))
            asked.extend(order[views:])
        scores = vectors[asked] @ np.array(prototypes).T
        truth = np.searchsorted(names, subjects[asked])
        right.extend(scores.argmax(axis=1) == truth)
        others.extend(scores[truth[:, None] != np.arange(len(names))])
        known = rng.permutation(len(names))[: len(names) // 2 + 1]
        inside = np.isin(truth, known)
        own.extend(scores[inside, truth[inside]])
        best.extend(scores[inside][:, known].max(axis=1))
        strangers.extend(scores[~inside][:, known].max(axis=1))
    mine, top, other, stranger = np.array(own), np.array(best), np.array(others), np.array(strangers)
    table = {
        f"{level:.2f}": {
            "own_accepted": float(((mine >= level) & (mine >= top)).mean()),
            "wrong_accepted": float(((top >= level) & (mine < top)).mean()),
            "other_accepted": float((other >= level).mean()),
            "stranger_accepted": float((stranger >= level).mean()),
        }
        for level in THRESHOLDS
    }
    return {"closed_accuracy": float(np.mean(right)), "open_auc": auc(mine, stranger), "at": table}


def lessons(vectors: Array, subjects: npt.NDArray[Any]) -> dict[str, Any]:
    """How the views of a lesson agree, at the level where memory asks.

    ``same``: a photograph with the mean of two others of its subject; ``odd``: with the mean of two of another subject. Photographs
    taken on different days are a hard case: a lesson's views are of one place, seconds apart. ``learnt``: lessons of five or six views in
    which three were found to agree, their photographs all of one subject; ``led_astray``: the same with the first two of another
    subject, and one of those among the three.
    """
    rng, floor = np.random.default_rng(0), RememberConfig().concept_ask
    same: list[float] = []
    odd: list[float] = []
    learnt: list[bool] = []
    astray: list[bool] = []
    for _ in range(DRAWS):
        for name in np.unique(subjects):
            mine = rng.permutation(np.flatnonzero(subjects == name))
            other = rng.choice(np.flatnonzero(subjects != name))
            theirs = rng.permutation(np.flatnonzero(subjects == subjects[other]))
            mean = vectors[mine[:2]].sum(axis=0)
            mean /= np.linalg.norm(mean)
            same.extend(vectors[mine[2:]] @ mean)
            odd.append(float(vectors[other] @ mean))
            learnt.append(len(agreeing([vectors[i].astype(np.float32) for i in mine[:6]], 3, floor)) == 3)
            mixed = [*theirs[:2], *mine[:4]]
            found = agreeing([vectors[i].astype(np.float32) for i in mixed], 3, floor)
            astray.append(len(found) == 3 and min(found) < 2)
    agree, differ = np.array(same), np.array(odd)
    return {
        "floor": floor,
        "same": float((agree >= floor).mean()),
        "odd": float((differ >= floor).mean()),
        "learnt": float(np.mean(learnt)),
        "led_astray": float(np.mean(astray)),
    }


def measure() -> dict[str, Any]:
    """Encode every photograph and measure."""
    paths = sorted(DATA.glob("*/*.jp*g"))
    subjects = np.array([path.parent.name for path in paths])
    images = [jpeg_decode(path.read_bytes()) for path in paths]
    with Encoder(load_bundle("pocket"), threads=2) as encoder:
        encoder.encode(images[:3])
        wall, cpu = time.perf_counter_ns(), time.process_time_ns()
        vectors = np.array([vector for vector, _ in encoder.encode(images)], np.float64)
        wall, cpu = time.perf_counter_ns() - wall, time.process_time_ns() - cpu
    return {
        "photographs": len(paths),
        "subjects": len(set(subjects)),
        "pair_auc": pair_auc(vectors, subjects),
        "wall_ms": wall / len(paths) / 1e6,
        "cpu_ms": cpu / len(paths) / 1e6,
        "views": {views: taught(vectors, subjects, views) for views in (1, 3)},
        "lesson": lessons(vectors, subjects),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: measure and show; exit 1 below the level that the bundle promises."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.concepts", description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true", help="exit 1 when the pair AUC is below 0.92")
    options = parser.parse_args(arguments)
    if not DATA.is_dir():
        sys.stderr.write(f"no photographs at {DATA}\n")
        return 3
    result = measure()
    if options.json:
        sys.stdout.write(json.dumps(result) + "\n")
    else:
        _show(result)
    return 1 if options.check and result["pair_auc"] < 0.92 else 0


def _show(result: dict[str, Any]) -> None:
    lines = [
        f"{result['photographs']} photographs of {result['subjects']} subjects",
        f"same against different, AUC {result['pair_auc']:.4f}",
        f"encoding {result['wall_ms']:.1f} ms, {result['cpu_ms']:.1f} ms of processor time a picture",
    ]
    for views, found in result["views"].items():
        lines.append(f"{views} view(s): closed accuracy {found['closed_accuracy']:.3f}, own against strangers AUC {found['open_auc']:.3f}")
        for level, shares in found["at"].items():
            lines.append(f"  from {level}: " + ", ".join(f"{name.replace('_', ' ')} {share:6.1%}" for name, share in shares.items()))
    lesson = result["lesson"]
    lines.append(
        f"views of a lesson agree from {lesson['floor']:.2f}: same subject {lesson['same']:.1%}, another {lesson['odd']:.1%}; "
        f"lessons of five or six views learnt {lesson['learnt']:.1%}, led astray by two of another {lesson['led_astray']:.1%}"
    )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
