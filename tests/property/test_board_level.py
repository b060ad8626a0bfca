"""Heat and power become levels: never milder than the board asks, never left before it is calm, and still under noise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.boards import Level, Strain, next_level
from devices.boards.strain import CALM_NS, EASE_C, HOT_C, NEAR_C, NEXT_C, WARM_C
from edge_runtime.config import S

ORDER = ("full", "reduced", "low")
temperatures = st.floats(20.0, 110.0)
strains = st.builds(
    Strain,
    hottest_c=st.none() | temperatures,
    margin_c=st.none() | st.floats(-10.0, 80.0),
    slowed=st.none() | st.booleans(),
)
UNKNOWN = Strain(None, None, None)


def asked(strain: Strain) -> int:
    """What the readings alone ask for."""
    hot = strain.hottest_c is not None and strain.hottest_c >= HOT_C
    if hot or (strain.margin_c is not None and strain.margin_c <= NEXT_C):
        return 2
    warm = strain.hottest_c is not None and strain.hottest_c >= WARM_C
    return int(warm or (strain.margin_c is not None and strain.margin_c <= NEAR_C) or bool(strain.slowed))


def levels(readings: list[Strain], every_ns: int = S) -> list[str]:
    level, found = Level(), list[str]()
    for n, strain in enumerate(readings):
        level = next_level(level, strain, n * every_ns)
        found.append(level.power)
    return found


@given(st.lists(strains, max_size=60))
def test_the_level_is_never_milder_than_the_readings_ask(readings: list[Strain]) -> None:
    for strain, power in zip(readings, levels(readings), strict=True):
        assert ORDER.index(power) >= asked(strain)


@given(st.lists(strains, max_size=60))
def test_a_level_is_left_one_step_at_a_time_and_only_after_ten_calm_seconds(readings: list[Strain]) -> None:
    powers = levels(readings)
    for n in range(1, len(powers)):
        if ORDER.index(powers[n]) < ORDER.index(powers[n - 1]):
            assert ORDER.index(powers[n]) == ORDER.index(powers[n - 1]) - 1
            calm = readings[n - CALM_NS // S : n + 1]
            assert len(calm) == CALM_NS // S + 1
            assert all(asked(strain) < ORDER.index(powers[n - 1]) for strain in calm)


@given(st.sampled_from([WARM_C, HOT_C]), st.lists(st.floats(-EASE_C, EASE_C), min_size=2, max_size=80))
def test_noise_within_the_band_around_a_threshold_changes_the_level_at_most_once(at: float, noise: list[float]) -> None:
    powers = levels([Strain(at + EASE_C / 2 * (shift / EASE_C), None, None) for shift in noise])
    start = levels([Strain(at - EASE_C / 2, None, None)])[0]
    changes = sum(a != b for a, b in zip([start, *powers], powers, strict=False))
    assert changes <= 1


@given(st.lists(temperatures, max_size=40), st.floats(0.0, 20.0))
def test_who_is_warmer_all_the_time_never_has_more_to_give(celsius: list[float], warmer: float) -> None:
    cool = levels([Strain(c, None, False) for c in celsius])
    warm = levels([Strain(c + warmer, None, False) for c in celsius])
    assert all(ORDER.index(w) >= ORDER.index(c) for w, c in zip(warm, cool, strict=True))


@given(st.lists(strains, max_size=20), st.integers(1, 60))
def test_what_is_not_known_asks_for_nothing_and_eases_nothing(readings: list[Strain], seconds: int) -> None:
    powers = levels([*readings, *[UNKNOWN] * seconds])
    assert set(powers[len(readings) :]) == {powers[len(readings) - 1] if readings else "full"}


@given(strains)
def test_after_long_enough_in_the_cool_everything_is_given_again(strain: Strain) -> None:
    assert levels([strain, *[Strain(40.0, 50.0, False)] * 30])[-1] == "full"


@pytest.mark.parametrize(("strain", "power"), [(Strain(84.9, None, None), "full"), (Strain(85.0, None, None), "reduced")])
def test_the_thresholds_are_these(strain: Strain, power: str) -> None:
    assert levels([strain]) == [power]


@pytest.mark.parametrize(
    ("strain", "power"),
    [
        (Strain(70.0, 10.0, None), "reduced"),
        (Strain(70.0, 3.0, None), "low"),
        (Strain(95.0, 20.0, None), "low"),
        (Strain(50.0, 40.0, True), "reduced"),
        (Strain(None, None, True), "reduced"),
        (UNKNOWN, "full"),
    ],
)
def test_each_reading_counts_by_itself(strain: Strain, power: str) -> None:
    assert levels([strain]) == [power]
