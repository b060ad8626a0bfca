"""The picture of a gaze recording: trace with its events, main sequence, how long fixations last, and quality in numbers.

The only module that opens matplotlib, which is the extra ``plots``.
"""

from __future__ import annotations

import importlib
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from apps.gaze_labels import CODES, Watched
from devices.gaze_table import GazeTable
from edge_runtime.errors import MissingExtra, UsageError
from gaze import EyeEvent, norm_to_deg
from gaze.quality import TooLittleGaze, loss, precision, sampling

_COLOURS = {"fixation": "#9bd29b", "pursuit": "#8ec1ee", "saccade": "#e4572e", "blink": "#b9b9b9", "lost": "#6d6d6d"}
_X, _Y = "#123a7a", "#a3470a"
_ROW_S = 12.0
_MOST_ROWS = 6
_FASTEST_EYE_DPS = 1000.0
_S = 1e9


def draw(table: GazeTable, watched: Watched, first_s: float | None = None, last_s: float | None = None) -> bytes:
    """The picture as PNG.

    Args:
        table: The recording.
        watched: What the detector made of it.
        first_s: First moment of the trace, seconds of the recording; its beginning if not given.
        last_s: Last moment of the trace, its end if not given. The other panels always tell of the whole.

    Raises:
        MissingExtra: matplotlib is not installed.
        UsageError: Nothing lies between the two moments.
    """
    figure_module, canvas_module = _matplotlib()
    samples = table.kept
    start = samples[0].t_ns / _S if first_s is None else first_s
    end = samples[-1].t_ns / _S if last_s is None else last_s
    if not any(start <= sample.t_ns / _S <= end for sample in samples) or end <= start:
        raise UsageError(f"there is no gaze from {start:g} s to {end:g} s", hint=f"the recording runs to {samples[-1].t_ns / _S:g} s")
    rows = max(1, min(_MOST_ROWS, math.ceil((end - start) / _ROW_S)))
    figure = figure_module.Figure(figsize=(15.0, 2.1 * rows + 4.4), layout="constrained")
    canvas_module.FigureCanvasAgg(figure)
    grid = figure.add_gridspec(rows + 2, 3, height_ratios=[1.0] * rows + [0.08, 1.9])
    figure.suptitle(f"{Path(table.name).name}   {len(samples)} samples", fontsize=11)
    events = watched.events
    trace = _trace(table)
    for k in range(rows):
        span = (start + k * (end - start) / rows, start + (k + 1) * (end - start) / rows)
        axes = figure.add_subplot(grid[k, :])
        _draw_trace(axes, trace, events, span, legend=k == 0)
        if k == rows - 1:
            axes.set_xlabel("time in s")
    _draw_main_sequence(figure.add_subplot(grid[rows + 1, 0]), watched)
    _draw_durations(figure.add_subplot(grid[rows + 1, 1]), events)
    words = figure.add_subplot(grid[rows + 1, 2])
    words.axis("off")
    words.text(0.0, 1.0, "\n".join(quality_lines(table, watched)), va="top", family="monospace", fontsize=9)
    out = io.BytesIO()
    # without the version of the program that drew it, the same recording gives the same bytes
    figure.savefig(out, format="png", dpi=100, metadata={"Software": None})
    return out.getvalue()


def quality_lines(table: GazeTable, watched: Watched) -> list[str]:
    """What the signal is worth, in numbers."""
    samples, events = table.kept, watched.events
    regular, missing = sampling([sample.t_ns for sample in samples]), loss(samples)
    lines = [
        f"rate            {regular.rate_hz:8.1f} Hz",
        f"step, median    {regular.median_step_ms:8.2f} ms  (95 %: {regular.p95_step_ms:.2f})",
        f"gaps            {regular.gaps:8d}     ({regular.gap_s:.2f} s)",
        f"data loss       {100.0 * missing.lost:8.1f} %   (longest {missing.longest_s:.2f} s)",
    ]
    try:
        noise = precision(samples, hfov_deg=table.hfov_deg, aspect=table.aspect)
        lines += [f"RMS-S2S         {noise.rms_s2s_deg:8.3f} deg", f"STD             {noise.std_deg:8.3f} deg"]
    except TooLittleGaze as error:
        lines.append(f"precision       unknown: {error}")
    lines.append("")
    for kind in (*CODES, "dwell"):
        seconds = sorted(event.duration_ns / _S for event in events if event.kind == kind)
        if seconds:
            lines.append(
                f"{kind:<12} {len(seconds):6d}   median {1000.0 * seconds[len(seconds) // 2]:7.0f} ms, {sum(seconds):7.1f} s in all"
            )
    return [*lines, *(f"left out: {count} rows ({reason})" for reason, count in table.dropped.items())]


def _matplotlib() -> tuple[Any, Any]:
    try:
        return importlib.import_module("matplotlib.figure"), importlib.import_module("matplotlib.backends.backend_agg")
    except ImportError as error:
        hint = "install the extra plots: scripts/install cpu,export,plots; labelling and converting go without"
        raise MissingExtra("drawing needs the package matplotlib, which is not installed", hint=hint) from error


def _trace(table: GazeTable) -> npt.NDArray[np.float64]:
    """[n, 3] of time in seconds, and field angles right and down in degrees, NaN where there is no gaze."""
    rows = [(s.t_ns / _S, math.nan if s.x_norm is None else s.x_norm, math.nan if s.y_norm is None else s.y_norm) for s in table.kept]
    at = np.array(rows, np.float64)
    x_deg, y_deg = norm_to_deg(at[:, 1], at[:, 2], hfov_deg=table.hfov_deg, aspect=table.aspect)
    return np.stack([at[:, 0], x_deg, y_deg], axis=1)


def _draw_trace(axes: Any, trace: npt.NDArray[np.float64], events: Sequence[EyeEvent], span: tuple[float, float], *, legend: bool) -> None:
    inside = trace[(trace[:, 0] >= span[0]) & (trace[:, 0] <= span[1])]
    seen = np.abs(inside[:, 1:][np.isfinite(inside[:, 1:])])
    # a blink's wild samples must not squeeze the rest flat
    reach = 1.3 * float(np.quantile(seen, 0.995)) + 1.0 if seen.size else 1.0
    for kind, colour in _COLOURS.items():
        bars = [
            (event.t_start_ns / _S, event.duration_ns / _S)
            for event in events
            if event.kind == kind and event.t_end_ns / _S >= span[0] and event.t_start_ns / _S <= span[1]
        ]
        axes.broken_barh(bars, (-reach, 2.0 * reach), facecolors=colour, alpha=0.55, linewidth=0, label=kind)
    dwells = [event for event in events if event.kind == "dwell"]
    for k, event in enumerate(dwells):
        axes.plot(
            [event.t_start_ns / _S, event.t_end_ns / _S], [0.94 * reach] * 2, color="black", linewidth=3, label="dwell" if k == 0 else None
        )
    axes.plot(inside[:, 0], inside[:, 1], color=_X, linewidth=0.9, label="x, right")
    axes.plot(inside[:, 0], inside[:, 2], color=_Y, linewidth=0.9, label="y, down")
    axes.set_xlim(*span)
    axes.set_ylim(-reach, reach)
    axes.set_ylabel("deg")
    if legend:
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.01), ncols=8, fontsize=8, frameon=False)


def _draw_main_sequence(axes: Any, watched: Watched) -> None:
    pairs = [(entry.amplitude_deg, entry.peak_dps) for entry in watched.entries if entry.amplitude_deg and entry.peak_dps]
    axes.set_title("main sequence", fontsize=10)
    axes.set_xlabel("amplitude in deg")
    axes.set_ylabel("peak speed in deg/s")
    if not pairs:
        axes.text(0.5, 0.5, "no saccade to measure", ha="center", transform=axes.transAxes)
        return
    amplitude, peak = np.array(pairs, np.float64).T
    real = peak <= _FASTEST_EYE_DPS
    axes.loglog(amplitude[real], peak[real], ".", color=_COLOURS["saccade"], markersize=4)
    if not real.all():
        label = f"{int((~real).sum())} faster than eyes can move"
        axes.loglog(amplitude[~real], peak[~real], "x", color=_COLOURS["lost"], markersize=4, label=label)
    if real.sum() > 2 and float(np.ptp(amplitude[real])) > 0.0:
        # a straight line in logarithms: peak speed as a power of amplitude (Bahill, Clark and Stark 1975 show the whole curve)
        slope, height = np.polyfit(np.log(amplitude[real]), np.log(peak[real]), 1)
        ends = np.array([amplitude[real].min(), amplitude[real].max()])
        label = f"{math.exp(height):.0f} deg/s x amplitude^{slope:.2f}"
        axes.loglog(ends, np.exp(height) * ends**slope, color="black", linewidth=1, label=label)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, frameon=False)


def _draw_durations(axes: Any, events: Sequence[EyeEvent]) -> None:
    held = [event.duration_ns / 1e6 for event in events if event.kind in ("fixation", "pursuit")]
    axes.set_title(f"{len(held)} fixations and pursuits", fontsize=10)
    axes.set_xlabel("duration in ms")
    axes.hist(
        np.minimum(held, 1500.0), bins=np.arange(0.0, 1551.0, 50.0).tolist(), color=_COLOURS["fixation"], edgecolor="white", linewidth=0.5
    )
    axes.set_xlim(0.0, 1550.0)
    axes.yaxis.get_major_locator().set_params(integer=True)
