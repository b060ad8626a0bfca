"""Head rotation by pictures: right where it is given, none where it is not known, and given to gaze samples by what was known then."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from devices.head_flow import HeadFlow, HeadTurn, spread
from devices.ray_motion import fit_motion
from gaze.camera import Camera
from gaze.head import HeadRotation, difference

MS = 1_000_000
WIDTH_PX, HEIGHT_PX = 640, 360
CAMERA = Camera.pinhole(WIDTH_PX, HEIGHT_PX, 90.0)
STILL = HeadRotation(0.0, 0.0, 0.0)

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]


def matrix(rotation: HeadRotation) -> Array:
    """Later camera frame to earlier one."""
    vector = np.radians([rotation.pitch_deg, rotation.yaw_deg, rotation.roll_deg])
    return np.asarray(cv2.Rodrigues(vector)[0], np.float64)


def texture(seed: int = 1) -> Image:
    """Blobs of all sizes, as things have."""
    rng = np.random.default_rng(seed)
    layers = [cv2.resize(rng.normal(0.0, 1.0, (n * 9, n * 16)), (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC) for n in (1, 3, 6)]
    total = np.sum(layers, axis=0)
    return np.asarray(np.clip(128.0 + 40.0 * total, 0, 255), np.uint8)


SCENE = texture()


def seen(rotation: HeadRotation, scene: Image = SCENE) -> Image:
    """The far scene after the head turned: uint8 luma, with what lies outside mirrored in."""
    lens = np.array([[CAMERA.fx_px, 0.0, WIDTH_PX / 2 - 0.5], [0.0, CAMERA.fy_px, HEIGHT_PX / 2 - 0.5], [0.0, 0.0, 1.0]])
    onto = lens @ matrix(rotation).T @ np.linalg.inv(lens)
    return cv2.warpPerspective(scene, onto, (WIDTH_PX, HEIGHT_PX), borderMode=cv2.BORDER_REFLECT_101).astype(np.uint8, copy=False)


def measured(*images: Image, camera: Camera = CAMERA) -> tuple[HeadTurn | None, dict[str, int]]:
    """The answer to the last picture, 33 ms apart, and the reasons for none so far, but for the first."""
    flow = HeadFlow(camera)
    found = [flow.feed(image, k * 33 * MS) for k, image in enumerate(images)]
    return found[-1], {reason: count for reason, count in flow.unknown.items() if count and reason != "first"}


def apart_deg(a: HeadRotation, b: HeadRotation) -> float:
    return math.sqrt(sum(part * part for part in difference(a, b)))


@pytest.mark.parametrize(
    "rotation",
    [
        HeadRotation(2.0, 0.0),  # to the right
        HeadRotation(0.0, 2.0),  # up
        HeadRotation(0.0, 0.0, 2.0),  # clockwise
        HeadRotation(-3.0, 1.5, -1.0),
        HeadRotation(8.0, -4.0, 2.0),
    ],
)
def test_a_turn_is_found_with_the_signs_of_the_head(rotation: HeadRotation) -> None:
    found, unknown = measured(seen(STILL), seen(rotation))
    assert found is not None and unknown == {}
    assert apart_deg(found.rotation, rotation) < 0.05
    assert (found.start_ns, found.end_ns) == (0, 33 * MS) and found.explained > 0.8


def test_colour_and_another_size_give_the_same() -> None:
    rotation = HeadRotation(2.0, -1.0, 0.5)
    large = [cv2.resize(cv2.cvtColor(seen(turn), cv2.COLOR_GRAY2BGR), (960, 540)).astype(np.uint8) for turn in (STILL, rotation)]
    found, _ = measured(*large)
    assert found is not None and apart_deg(found.rotation, rotation) < 0.05


def test_a_camera_that_stands_still_has_not_turned() -> None:
    rng = np.random.default_rng(2)
    noisy = [np.clip(SCENE + rng.normal(0.0, 3.0, SCENE.shape), 0, 255).astype(np.uint8) for _ in range(2)]
    found, _ = measured(*noisy)
    assert found is not None and not found.travelled and apart_deg(found.rotation, STILL) < 0.02


def test_a_thing_that_moves_through_a_fifth_of_the_picture_does_not_count() -> None:
    rotation, other = HeadRotation(1.5, 0.5, 0.0), texture(9)
    images = [seen(STILL), seen(rotation)]
    for k, image in enumerate(images):
        image[-HEIGHT_PX // 5 :] = np.roll(other, 10 * k, axis=1)[-HEIGHT_PX // 5 :]
    found, _ = measured(*images)
    assert found is not None and apart_deg(found.rotation, rotation) < 0.15


@pytest.mark.parametrize(
    ("reason", "second"),
    [
        ("lost", texture(3)),  # a cut
        ("dark", (seen(STILL) * 0.05).astype(np.uint8)),
    ],
)
def test_what_cannot_be_known_is_not_answered_but_counted(reason: str, second: Image) -> None:
    found, unknown = measured(seen(STILL), second)
    assert found is None and unknown == {reason: 1}


def test_a_blank_or_fully_blurred_picture_has_nothing_to_follow() -> None:
    blank = np.full((HEIGHT_PX, WIDTH_PX), 128, np.uint8)
    found, unknown = measured(blank, seen(STILL))
    assert found is None and unknown == {"featureless": 1}


def test_things_that_all_go_their_own_ways_are_inconsistent() -> None:
    second = np.empty_like(SCENE)
    for k, top in enumerate(range(0, HEIGHT_PX, 60)):
        for m, left in enumerate(range(0, WIDTH_PX, 80)):
            part = (slice(top, top + 60), slice(left, left + 80))
            second[part] = np.roll(SCENE, ((k * 7 + m * 5) % 13 - 6, (k * 5 + m * 11) % 13 - 6), (0, 1))[part]
    found, unknown = measured(SCENE, second)
    assert found is None and set(unknown) <= {"inconsistent", "uncertain", "lost"}


def test_pictures_far_apart_or_out_of_order_are_not_compared() -> None:
    flow = HeadFlow(CAMERA)
    assert [flow.feed(SCENE, t_ms * MS) for t_ms in (0, 400, 390)] == [None, None, None]
    assert {reason: count for reason, count in flow.unknown.items() if count} == {"first": 1, "gap": 1, "clock": 1}
    assert flow.feed(SCENE, 433 * MS) is not None


def test_a_picture_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="not of the shape"):
        HeadFlow(CAMERA).feed(np.zeros((360, 360), np.uint8), 0)


def test_a_lens_that_bends_is_undone() -> None:
    bent = Camera(WIDTH_PX, HEIGHT_PX, CAMERA.fx_px, CAMERA.fy_px, CAMERA.cx_px, CAMERA.cy_px, (-0.15, 0.02))
    y, x = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX] + 0.5
    straight = CAMERA.plane_to_px(*bent.px_to_plane(x, y))
    maps = [(place - 0.5).astype(np.float32) for place in straight]
    rotation = HeadRotation(3.0, 1.0, -1.0)
    images = [cv2.remap(seen(turn), maps[0], maps[1], cv2.INTER_LINEAR).astype(np.uint8) for turn in (STILL, rotation)]
    found, _ = measured(*images, camera=bent)
    assert found is not None and apart_deg(found.rotation, rotation) < 0.08


# ------------------------------------------------------------ a head that walks as it turns


def room(travel: Array, rotation: HeadRotation, *, wall: bool, noise_px: float = 0.05) -> tuple[Array, Array]:
    """Directions of ninety things before and after, in a room some metres deep or all on one wall."""
    rng = np.random.default_rng(4)
    plane = np.column_stack([rng.uniform(-0.9, 0.9, 90), rng.uniform(-0.5, 0.5, 90), np.ones(90)])
    points = plane * (2.0 if wall else rng.uniform(1.0, 6.0, (90, 1)))
    after = (points - travel) @ matrix(rotation)
    after = after / after[:, 2:] + np.column_stack([rng.normal(0.0, noise_px / 160.0, (90, 2)), np.zeros(90)])
    return plane / np.linalg.norm(plane, axis=1, keepdims=True), after / np.linalg.norm(after, axis=1, keepdims=True)


def test_walking_past_things_is_not_taken_for_a_turn() -> None:
    rotation = HeadRotation(1.0, -0.5, 0.3)
    motion = fit_motion(*room(np.array([0.08, 0.0, 0.02]), rotation, wall=False), 0.1 / 160.0)
    pitch, yaw, roll = np.degrees(motion.turn)
    assert motion.travelled and apart_deg(HeadRotation(yaw, pitch, roll), rotation) < 0.1


def test_a_wall_seen_alone_allows_two_motions_and_says_so() -> None:
    motion = fit_motion(*room(np.array([0.055, 0.0, 0.06]), STILL, wall=True), 0.1 / 160.0)
    assert math.degrees(motion.error_rad) > 0.5


# ------------------------------------------------------------ given to gaze samples


def turn_of(start_ms: int, end_ms: int, yaw_deg: float) -> HeadTurn:
    return HeadTurn(start_ms * MS, end_ms * MS, HeadRotation(yaw_deg, 0.0), 1.0, 0.01, False)


def test_samples_are_given_the_rate_of_the_newest_turn_that_had_ended() -> None:
    turns = [turn_of(0, 40, 4.0), turn_of(40, 80, 8.0)]
    yaws = [given and round(given.yaw_deg, 6) for given in spread(turns, [t * MS for t in (30, 40, 50, 70, 80, 90)])]
    assert yaws == [None, 1.0, 1.0, 2.0, 2.0, 2.0]


def test_what_comes_later_does_not_change_what_was_given() -> None:
    turns, times = [turn_of(40 * k, 40 * k + 40, k) for k in range(6)], [5 * k * MS for k in range(50)]
    whole = spread(turns, times)
    for count in range(7):
        cut = [t_ns for t_ns in times if t_ns < 40 * (count + 1) * MS]
        assert spread(turns[:count], cut) == whole[: len(cut)]


def test_an_old_turn_is_not_held_for_long() -> None:
    given = spread([turn_of(0, 40, 4.0)], [t * MS for t in (40, 50, 100, 101, 200)])
    assert [each is not None for each in given] == [False, True, True, False, False]
