"""Every token policy by its name: what settings, bench and conformance suite choose from."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from edge_runtime.errors import ConfigError
from edge_runtime.remember.policies import MemoryPolicy
from edge_runtime.remember.policies.published.bucketed import Bucketed
from edge_runtime.remember.policies.published.caption_notes import CaptionNotes
from edge_runtime.remember.policies.published.carrier import Carrier
from edge_runtime.remember.policies.published.clip_keys import ClipKeys
from edge_runtime.remember.policies.published.curvature import Curvature
from edge_runtime.remember.policies.published.curvature_compat import CurvatureCompat
from edge_runtime.remember.policies.published.dtd import Dtd
from edge_runtime.remember.policies.published.dtd_compat import DtdCompat
from edge_runtime.remember.policies.published.event_tree import EventTree
from edge_runtime.remember.policies.published.flash_csm import FlashCsm
from edge_runtime.remember.policies.published.key_delta import KeyDelta
from edge_runtime.remember.policies.published.peak_end import PeakEnd
from edge_runtime.remember.policies.published.rekv_external import RekvExternal
from edge_runtime.remember.policies.published.savemem import SaveMem
from edge_runtime.remember.policies.published.slow_fast import SlowFast
from edge_runtime.remember.policies.published.token_merge import TokenMerge
from edge_runtime.remember.policies.recent_window import RecentWindow
from edge_runtime.remember.policies.tiered import Tiered


class PolicyFactory(Protocol):
    """Makes a policy; a policy's own class is one."""

    def __call__(self, budget_bytes: int, *, seed: int = 0) -> MemoryPolicy:
        """Make a policy that keeps at most so many bytes."""
        ...


PRODUCT: Mapping[str, PolicyFactory] = MappingProxyType({"recent_window": RecentWindow, "tiered": Tiered})
"""The policies the runtime is run with."""

PUBLISHED: Mapping[str, PolicyFactory] = MappingProxyType(
    {
        "bucketed": Bucketed,
        "caption_notes": CaptionNotes,
        "carrier": Carrier,
        "clip_keys": ClipKeys,
        "curvature": Curvature,
        "curvature_compat": CurvatureCompat,
        "dtd": Dtd,
        "dtd_compat": DtdCompat,
        "event_tree": EventTree,
        "flash_csm": FlashCsm,
        "key_delta": KeyDelta,
        "peak_end": PeakEnd,
        "rekv_external": RekvExternal,
        "savemem": SaveMem,
        "slow_fast": SlowFast,
        "token_merge": TokenMerge,
    }
)
"""One for each published system, to compare with."""

POLICIES: Mapping[str, PolicyFactory] = MappingProxyType({**PRODUCT, **PUBLISHED})


def make_policy(name: str, budget_bytes: int, seed: int = 0) -> MemoryPolicy:
    """Make the policy of that name.

    Args:
        name: A key of :data:`POLICIES`.
        budget_bytes: Everything it may keep.
        seed: Of its choices; the same seed and the same looks give the same bits.

    Raises:
        ConfigError: There is no such policy; the hint names the nearest.
    """
    factory = POLICIES.get(name)
    if factory is None:
        close = difflib.get_close_matches(name, POLICIES, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]}?" if close else f"choose one of {', '.join(sorted(POLICIES))}"
        raise ConfigError(f"there is no token policy {name}", hint=hint)
    return factory(budget_bytes, seed=seed)
