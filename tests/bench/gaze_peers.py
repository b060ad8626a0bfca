"""Other people's detectors on the same recordings, with the defaults of each package; only those that are installed.

``pip install pymovements==0.28.0 remodnav==1.1.2 I2MC==2.2.8``. All three are batch: they see the whole recording before they answer.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import logging
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Peer = Callable[[Array, Array, Array], Codes]
"""Times in seconds and field angles in degrees, NaN where lost; to a code for every sample."""

_REMODNAV = {"FIXA": 1, "PURS": 4, "SACC": 2, "ISAC": 2, "HPSO": 3, "LPSO": 3, "IHPS": 3, "ILPS": 3}


def peers() -> dict[str, Peer]:
    """The installed ones, by name."""
    known: dict[str, tuple[str, Peer]] = {
        "remodnav": ("remodnav", remodnav),
        "pymovements ivt": ("pymovements", pymovements_ivt),
        "pymovements idt": ("pymovements", pymovements_idt),
        "I2MC": ("I2MC", i2mc),
    }
    return {name: peer for name, (module, peer) in known.items() if importlib.util.find_spec(module) is not None}


def remodnav(t_s: Array, x_deg: Array, y_deg: Array) -> Codes:
    """Dar, Wagner and Hanke (2021): adaptive velocity between saccades of the whole recording."""
    rate_hz = _rate_hz(t_s)
    classifier = importlib.import_module("remodnav.clf").EyegazeClassifier(px2deg=1.0, sampling_rate=rate_hz)
    # its smoothing filter wants real numbers at both ends: gaze rests there for 0.2 s
    there = np.flatnonzero(np.isfinite(x_deg) & np.isfinite(y_deg))
    pad = round(0.2 * rate_hz)
    data = np.zeros(len(t_s) + 2 * pad, dtype=[("x", float), ("y", float)])
    for name, place in (("x", x_deg), ("y", y_deg)):
        data[name] = np.concatenate([np.full(pad, place[there[0]]), place, np.full(pad, place[there[-1]])])
    with warnings.catch_warnings(), _quiet():
        warnings.simplefilter("ignore")
        # 19 ms, as an odd number of samples
        smooth = 2 * int(0.019 * rate_hz / 2.0) + 1
        found = classifier(classifier.preproc(data, savgol_length=(smooth + 0.5) / rate_hz))
    codes = np.full(len(data), 9, np.int64)
    for event in found:
        codes[round(event["start_time"] * rate_hz) : round(event["end_time"] * rate_hz) + 1] = _REMODNAV[event["label"]]
    return codes[pad : pad + len(t_s)]


def pymovements_ivt(t_s: Array, x_deg: Array, y_deg: Array) -> Codes:
    """Velocity threshold, velocities over five points (Engbert and Kliegl 2003)."""
    velocity = np.full((len(t_s), 2), np.nan)
    for k, place in enumerate((x_deg, y_deg)):
        velocity[2:-2, k] = _rate_hz(t_s) / 6.0 * (place[4:] + place[3:-1] - place[1:-3] - place[:-4])
    return _pymovements("ivt", velocity, t_s)


def pymovements_idt(t_s: Array, x_deg: Array, y_deg: Array) -> Codes:
    """Dispersion threshold (Salvucci and Goldberg 2000)."""
    return _pymovements("idt", np.stack([x_deg, y_deg], axis=1), t_s)


def i2mc(t_s: Array, x_deg: Array, y_deg: Array) -> Codes:
    """Hessels, Niehorster, Kemner and Hooge (2017): two-means clustering; here one pixel is 1/40 degree."""
    module = importlib.import_module("I2MC")
    pandas = importlib.import_module("pandas")
    missing = -4000.0
    x, y = (np.where(np.isfinite(v), 40.0 * v + 960.0, missing) for v in (x_deg, y_deg))
    table = pandas.DataFrame({"time": 1000.0 * t_s, "average_X": x, "average_Y": y, "average_missing": ~np.isfinite(x_deg)})
    # its downsampling wants a rate that divides by ten
    options = {"xres": 1920.0, "yres": 1080.0, "missingx": missing, "missingy": missing, "freq": float(round(_rate_hz(t_s), -1))}
    # two-means clustering starts from random places
    np.random.seed(1)
    with warnings.catch_warnings(), _quiet():
        warnings.simplefilter("ignore")
        found = module.I2MC(table, {**options, "downsampFilter": False}, logging=False)[0]
    if not found:
        return np.full(len(t_s), 9, np.int64)
    return _codes(t_s, [(a / 1000.0, b / 1000.0, 1) for a, b in zip(found["startT"], found["endT"], strict=True)])


def _pymovements(name: str, values: Array, t_s: Array) -> Codes:
    """Run on evenly counted samples, which the package asks for, with its own 100 ms as a number of them."""
    find = getattr(importlib.import_module("pymovements").events, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = find(values, timesteps=np.arange(len(t_s)), minimum_duration=round(0.1 * _rate_hz(t_s))).frame
    return _codes(t_s, [(t_s[int(a)], t_s[int(b)], 1) for a, b in zip(found["onset"], found["offset"], strict=True)])


def _codes(t_s: Array, events: list[tuple[float, float, int]]) -> Codes:
    codes = np.full(len(t_s), 9, np.int64)
    for start_s, end_s, code in events:
        first, last = np.searchsorted(t_s, (start_s - 1e-4, end_s + 1e-4))
        codes[first:last] = code
    return codes


def _rate_hz(t_s: Array) -> float:
    return 1.0 / float(np.median(np.diff(t_s)))


@contextlib.contextmanager
def _quiet() -> Any:
    """No chatter on standard output or in the log."""
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(logging.NOTSET)
