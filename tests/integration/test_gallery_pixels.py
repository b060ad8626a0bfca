"""The frames of the sample show what is known about them. Plain colours stand in for the photographs where only places matter."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from devices.gallery import pictures
from devices.gallery.camera import project, wall_homography
from devices.gallery.cards import CARDS, Card
from devices.gallery.gaze import fixations
from devices.gallery.layout import LEDGE_B_M, MUG_BACK_NS, THINGS, Thing, thing_at
from devices.gallery.motion import track
from devices.gallery.script import truth
from devices.gallery.view import View, light_at
from edge_runtime.config import MS, S
from edge_runtime.errors import Unreachable
from edge_runtime.models.bundle import load_bundle
from edge_runtime.models.text_onnx import TextReader
from edge_runtime.pixels import Picture, resize

SEED = 7
MUG_COLOUR = (40, 60, 220)


def plain(colour: tuple[int, int, int]) -> Picture:
    image = np.empty((300, 300, 3), np.uint8)
    image[:] = colour
    return image


def hue(number: int) -> tuple[int, int, int]:
    """One of many strong colours, all well apart from the wall's."""
    pixel = np.array([[[number * 15 % 180, 230, 230]]], np.uint8)
    b, g, r = cv2.cvtColor(pixel, cv2.COLOR_HSV2BGR)[0, 0]
    return int(b), int(g), int(r)


PHOTOS = [photo.name for photo in pictures.PHOTOS]
COLOURS = {name: hue(number) for number, name in enumerate(PHOTOS)} | {"mug": MUG_COLOUR}


@pytest.fixture(scope="module")
def view() -> View:
    """The gallery with a plain colour in place of every photograph."""
    return View(track(SEED), {name: plain(colour) for name, colour in COLOURS.items()}, SEED)


@pytest.fixture
def photographs(pocket_cache: Path) -> dict[str, Picture]:
    """The real photographs."""
    try:
        return pictures.load(cache=pocket_cache)
    except Unreachable:
        pytest.skip("sample pictures not fetched")


def around(image: Picture, place: npt.NDArray[np.float64], reach: int = 5) -> npt.NDArray[np.float64]:
    """Mean colour around a place of the picture, BGR."""
    x, y = round(place[0] * image.shape[1]), round(place[1] * image.shape[0])
    colour: npt.NDArray[np.float64] = image[y - reach : y + reach, x - reach : x + reach].reshape(-1, 3).mean(axis=0)
    return colour


def likeness(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Cosine between two colours, blind to how bright they are."""
    p, q = np.asarray(a, float), np.asarray(b, float)
    return float(p @ q / np.linalg.norm(p) / np.linalg.norm(q))


def test_a_frame_is_a_picture_of_960_by_540(view: View) -> None:
    image = view.render(4 * S)

    assert image.shape == (540, 960, 3)
    assert image.dtype == np.uint8


def test_any_frame_can_be_taken_alone_in_any_order_and_is_the_same_byte_for_byte(view: View) -> None:
    times = [4 * S, 50 * S, 12 * S, 29 * S, 12 * S, 50 * S, 4 * S]
    first = {t_ns: view.render(t_ns).tobytes() for t_ns in times}
    other = View(track(SEED), {name: plain(colour) for name, colour in COLOURS.items()}, SEED)

    assert all(view.render(t_ns).tobytes() == first[t_ns] for t_ns in reversed(times))
    assert other.render(12 * S).tobytes() == first[12 * S]


def test_the_wall_is_the_same_before_and_after_things_came_and_went(view: View) -> None:
    early = view.render(2 * S).tobytes()
    view.render(60 * S)

    assert view.render(2 * S).tobytes() == early


def test_at_every_fixation_on_a_photograph_the_frame_shows_it_there(view: View) -> None:
    seen = set()
    for fixation in fixations(SEED):
        t_ns = (fixation.start_ns + fixation.end_ns) // 2
        if fixation.what not in COLOURS or fixation.end_ns - fixation.start_ns < 300 * MS:
            continue
        place = np.array(track(SEED).gaze_norm(t_ns))
        if not (0.02 < place[0] < 0.98 and 0.02 < place[1] < 0.98):
            continue
        colour = around(view.render(t_ns), place)
        best = max(COLOURS, key=lambda name: likeness(colour, COLOURS[name]))
        assert best == fixation.what, t_ns / S
        seen.add(fixation.what)

    assert seen == set(COLOURS)


def test_the_mug_is_on_the_frames_while_it_is_there_and_not_while_it_is_gone(view: View) -> None:
    def at_its_places(t_ns: int) -> list[bool]:
        mugs = [thing for thing in THINGS if thing.name == "mug"]
        places = project(track(SEED).pose(t_ns), [(mug.x_m, mug.y_m, 0.0) for mug in mugs])
        image = view.render(t_ns)
        inside = [bool(((place > 0.05) & (place < 0.95)).all()) for place in places]
        return [shown and likeness(around(image, place), MUG_COLOUR) > 0.97 for place, shown in zip(places, inside, strict=True)]

    assert at_its_places(12 * S) == [True, False]
    assert at_its_places(29 * S) == [False, False]
    assert at_its_places(49 * S) == [False, True]


def test_the_second_ledge_stands_in_darker_and_warmer_light(view: View) -> None:
    def beside_mug(t_ns: int) -> npt.NDArray[np.float64]:
        mug = thing_at("mug", t_ns)
        (place,) = project(track(SEED).pose(t_ns), [(mug.x_m, mug.y_m + 0.45, 0.0)])
        return around(view.render(t_ns), place, 8) / light_at(t_ns)

    bright, dim = beside_mug(12 * S), beside_mug(49 * S)

    assert dim.mean() < 0.9 * bright.mean()
    assert dim[2] / dim[0] > 1.05 * bright[2] / bright[0]
    assert MUG_BACK_NS < 49 * S
    assert thing_at("mug", 49 * S).x_m == LEDGE_B_M


def test_a_fast_turn_smears_and_a_steady_look_does_not(view: View) -> None:
    def detail(t_ns: int) -> float:
        grey = cv2.cvtColor(cv2.GaussianBlur(view.render(t_ns), (0, 0), 1.0), cv2.COLOR_BGR2GRAY)
        return float(np.percentile(np.abs(cv2.Laplacian(grey, cv2.CV_32F)), 99.5))

    way = track(SEED)
    times = range(3 * S, 80 * S, 250 * MS)
    speeds = {t_ns: abs(way.pose(t_ns + 10 * MS).yaw_deg - way.pose(t_ns - 10 * MS).yaw_deg) * 50 for t_ns in times}
    fast = sorted(times, key=lambda t_ns: -speeds[t_ns])[:8]
    slow = sorted(times, key=lambda t_ns: speeds[t_ns])[:60:8]

    assert np.mean([detail(t_ns) for t_ns in fast]) < 0.7 * np.mean([detail(t_ns) for t_ns in slow])


def test_two_frames_of_one_view_differ_by_noise_alone(view: View) -> None:
    way = track(SEED)
    still_ns = min(range(3 * S, 80 * S, 50 * MS), key=lambda t_ns: abs(way.pose(t_ns + 5 * MS).yaw_deg - way.pose(t_ns).yaw_deg))
    difference = view.render(still_ns).astype(float) - view.render(still_ns + 1)

    assert 2.0 < difference.std() < 6.0
    assert abs(difference.mean()) < 0.2


def test_from_frame_to_frame_the_picture_changes_gradually(view: View) -> None:
    small = [
        cv2.resize(view.render(t_ns), (64, 36), interpolation=cv2.INTER_AREA).astype(float) for t_ns in range(18 * S, 24 * S, 100 * MS)
    ]

    assert max(np.abs(after - before).mean() for before, after in pairwise(small)) < 40


# ------------------------------------------------------------ with the real photographs


def test_what_is_dwelt_on_is_the_photograph_itself(photographs: dict[str, Picture]) -> None:
    real = View(track(SEED), photographs, SEED)
    for name in ("cat", "mug", "motorcycle", "pagoda", "bus", "rocket"):
        look = max(truth(SEED).looked_at(name), key=lambda fixation: fixation.end_ns - fixation.start_ns)
        t_ns = look.end_ns - 50 * MS
        thing = thing_at(name, t_ns)

        assert _likeness_on_the_wall(real.render(t_ns), thing, photographs[name], t_ns) > 0.9, name


@pytest.mark.weights
@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_every_card_can_be_read_while_it_is_looked_at(photographs: dict[str, Picture], pocket_cache: Path, card: Card) -> None:
    real = View(track(SEED), photographs, SEED)
    bundle = load_bundle("pocket")
    assert bundle.manifest.text is not None
    read: list[str] = []
    with TextReader(bundle.file(bundle.manifest.text.detector), bundle.file(bundle.manifest.text.recogniser)) as reader:
        for look in truth(SEED).looked_at(card.name)[-3:]:
            t_ns = (look.start_ns + look.end_ns) // 2
            x_norm, y_norm = track(SEED).gaze_norm(t_ns)
            left, top = round(x_norm * 960 - 160), round(y_norm * 540 - 160)
            crop = real.render(t_ns)[max(0, top) : top + 320, max(0, left) : left + 320]
            read.extend(line.text for line in reader.read(resize(crop, 2 * crop.shape[1], 2 * crop.shape[0])))

    for line in card.lines:
        assert line.text in read


def _likeness_on_the_wall(frame: Picture, thing: Thing, photograph: Picture, t_ns: int) -> float:
    """Correlation of a thing, taken back from the frame onto the wall, with the photograph that hangs there."""
    ppm, left_m, top_m = 200.0, thing.x_m - thing.width_m / 2, thing.y_m + thing.height_m / 2
    size = (round(thing.width_m * ppm), round(thing.height_m * ppm))
    onto_frame = wall_homography(track(SEED).pose(t_ns), left_m=left_m, top_m=top_m, ppm=ppm)
    taken = cv2.warpPerspective(frame, onto_frame, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    height, width = photograph.shape[:2]
    spare = max(0.0, width - height * thing.width_m / thing.height_m) / 2
    over = max(0.0, height - width * thing.height_m / thing.width_m) / 2
    hung = photograph[round(over) : height - round(over), round(spare) : width - round(spare)]
    a, b = (cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).ravel().astype(float) for image in (taken, resize(hung, *size)))
    return float(np.corrcoef(a, b)[0, 1])
