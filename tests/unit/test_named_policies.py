"""Token policies by name."""

from __future__ import annotations

from typing import get_args

import pytest

from edge_runtime.config import TokenPolicy
from edge_runtime.errors import ConfigError
from edge_runtime.remember.policies.named import POLICIES, PRODUCT, PUBLISHED, make_policy


def test_a_policy_is_made_by_its_name() -> None:
    assert all(type(make_policy(name, 1000)).__name__.lower() == name.replace("_", "") for name in POLICIES)


def test_a_name_stands_for_one_policy() -> None:
    assert not PRODUCT.keys() & PUBLISHED.keys() and list(PUBLISHED) == sorted(PUBLISHED)


def test_the_settings_offer_policies_that_there_are() -> None:
    assert set(PRODUCT) <= set(get_args(TokenPolicy)) <= set(POLICIES)


@pytest.mark.parametrize(("name", "nearest"), [("recent_windw", "recent_window"), ("Tiered", "tiered"), ("dtdcompat", "dtd_compat")])
def test_an_unknown_name_is_refused_and_the_nearest_named(name: str, nearest: str) -> None:
    with pytest.raises(ConfigError, match=f"there is no token policy {name}") as caught:
        make_policy(name, 1000)
    assert caught.value.hint == f"did you mean {nearest}?"


def test_where_none_is_near_all_are_named() -> None:
    with pytest.raises(ConfigError) as caught:
        make_policy("zzz", 1000)
    assert all(name in caught.value.hint for name in POLICIES)
