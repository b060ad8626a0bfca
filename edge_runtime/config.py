"""Every setting: its default, its unit and what it does, as data.

The tree is frozen. Loading it (TOML, then ``EDGE_RUNTIME_*``, then flags) and saying where each value came from is
:mod:`edge_runtime.settings`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

MIB = 1024 * 1024
MS = 1_000_000
S = 1_000_000_000

RELOADABLE = Meta(extra={"reloadable": True})
"""Marks a setting that a run takes up while it goes on. Bounds in bytes and geometry are not among them: what is kept was made to fit."""

TimeOfDay = Annotated[str, Meta(pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?\Z", title="a time of day as HH:MM, or nothing")]

TokenPolicy = Literal[
    "recent_window",
    "tiered",
    "bucketed",
    "caption_notes",
    "carrier",
    "clip_keys",
    "curvature",
    "curvature_compat",
    "dtd",
    "dtd_compat",
    "event_tree",
    "flash_csm",
    "key_delta",
    "peak_end",
    "rekv_external",
    "savemem",
    "slow_fast",
    "token_merge",
]
"""Every token policy by name, as in :mod:`edge_runtime.remember.policies.named`."""


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every section."""


class AttendConfig(Section, frozen=True):
    """What is worth a look."""

    hfov_deg: Annotated[float, Meta(gt=0.0, lt=180.0, description="horizontal field of view of the scene camera")] = 90.0
    perifovea_deg: Annotated[float, Meta(gt=0.0, lt=60.0, description="radius looked at around the gaze")] = 13.0
    gaze_wait_ns: Annotated[int, Meta(ge=0, description="how long a frame waits for its gaze, stream time"), RELOADABLE] = 400 * MS
    pair_tolerance_ns: Annotated[int, Meta(ge=0, description="largest gaze-to-frame residual of a pair"), RELOADABLE] = 50 * MS
    looks_per_s: Annotated[float, Meta(ge=0.0, description="look budget, long-run rate; 0 looks at every frame"), RELOADABLE] = 3.0
    look_burst: Annotated[int, Meta(ge=1, description="looks that may be saved up"), RELOADABLE] = 6
    heartbeat_ns: Annotated[int, Meta(ge=0, description="look at the whole picture at least this often"), RELOADABLE] = 6 * S
    scene_threshold: Annotated[float, Meta(ge=0.0, le=1.0, description="glimpse change that counts as a new scene"), RELOADABLE] = 0.15
    relook_ns: Annotated[int, Meta(ge=0, description="look again at one thing after this long"), RELOADABLE] = 2500 * MS
    text_after_ns: Annotated[int, Meta(ge=0, description="fixation or pursuit this long before text is read"), RELOADABLE] = 300 * MS
    text_every_ns: Annotated[int, Meta(ge=0, description="read again while gaze stays, at most this often"), RELOADABLE] = 700 * MS
    text_crop_px: Annotated[int, Meta(ge=32, description="side of the square that is enlarged twice and read")] = 320
    watch_every_ns: Annotated[int, Meta(ge=0, description="while a watch stands, look over the whole picture this often"), RELOADABLE] = (
        2500 * MS
    )


class RememberConfig(Section, frozen=True):
    """What is kept."""

    ram_bytes: Annotated[int, Meta(ge=65536, description="everything remembered in memory, after every insert")] = 128 * MIB
    token_share: Annotated[float, Meta(ge=0.0, le=1.0, description="share of ram_bytes set aside for tokens, at most 0.75")] = 0.5
    token_policy: Annotated[TokenPolicy, Meta(description="which tokens are kept")] = "tiered"  # noqa: S105 (no password)
    concept_accept: Annotated[float, Meta(ge=0.0, le=1.0, description="cosine from which a concept is recognised"), RELOADABLE] = 0.55
    concept_ask: Annotated[float, Meta(ge=0.0, le=1.0, description="cosine from which the wearer is asked"), RELOADABLE] = 0.45
    concept_margin: Annotated[float, Meta(ge=0.0, le=1.0, description="lead over the next concept"), RELOADABLE] = 0.05
    teach_views: Annotated[int, Meta(ge=1, description="looks that make a concept"), RELOADABLE] = 3
    label_accept: Annotated[
        float, Meta(ge=0.0, le=1.0, description="probability of the classes of one word from which it is a hint"), RELOADABLE
    ] = 0.60
    text_accept: Annotated[float, Meta(ge=0.0, le=1.0, description="confidence from which a line is kept"), RELOADABLE] = 0.80
    gap_ns: Annotated[int, Meta(ge=0, description="longest gap inside one sighting"), RELOADABLE] = 3 * S
    place_same: Annotated[float, Meta(ge=0.0, le=1.0, description="cosine of overviews of one place"), RELOADABLE] = 0.60

    @property
    def token_bytes(self) -> int:
        """What of ``ram_bytes`` is set aside for tokens where the models give any: at most three quarters, the facts need the rest."""
        return int(min(self.token_share, 0.75) * self.ram_bytes)

    @property
    def matrix_bytes(self) -> int:
        """What of ``ram_bytes`` is set aside for the matrix by which the log is searched."""
        return min(16 * MIB, self.ram_bytes // 8)


class SpeakConfig(Section, frozen=True):
    """When it may speak."""

    cooldown_ns: Annotated[int, Meta(ge=0, description="between unasked sentences"), RELOADABLE] = 8 * S
    topic_cooldown_ns: Annotated[int, Meta(ge=0, description="between unasked sentences on one topic"), RELOADABLE] = 120 * S
    watch_rearm_ns: Annotated[int, Meta(ge=0, description="one watch fires at most this often"), RELOADABLE] = 30 * S
    watch_per_hour: Annotated[int, Meta(ge=0, description="alerts an hour of one watch"), RELOADABLE] = 20
    unasked_per_hour: Annotated[float, Meta(ge=0.0, description="sentences nobody asked for, an hour"), RELOADABLE] = 6.0
    unasked_burst: Annotated[int, Meta(ge=0, description="unasked sentences that may be saved up"), RELOADABLE] = 2
    stale_ns: Annotated[int, Meta(ge=0, description="evidence older than this is not announced"), RELOADABLE] = 2 * S
    pause_ns: Annotated[int, Meta(ge=0, description="silence after the wearer's speech before ours"), RELOADABLE] = 500 * MS
    read_aloud_ns: Annotated[int, Meta(ge=0, description="dwell on text before it is read aloud"), RELOADABLE] = 2 * S
    duplicate_ns: Annotated[int, Meta(ge=0, description="the same words are not repeated within"), RELOADABLE] = 600 * S
    watch_on: Annotated[float, Meta(ge=0.0, le=1.0, description="label match that fires a watch; not below label_accept"), RELOADABLE] = (
        0.60
    )
    watch_off: Annotated[float, Meta(ge=0.0, le=1.0, description="label match below which a watch re-arms"), RELOADABLE] = 0.25
    quiet: Annotated[bool, Meta(description="quiet hours: only urgency 3 is said"), RELOADABLE] = False
    quiet_from: Annotated[TimeOfDay, Meta(description="local time when quiet hours begin, every day; empty for none"), RELOADABLE] = ""
    quiet_to: Annotated[TimeOfDay, Meta(description="local time when they end; before quiet_from it is on the next day"), RELOADABLE] = ""


class JournalConfig(Section, frozen=True):
    """The recording of every run."""

    journal_bytes: Annotated[int, Meta(ge=65536, description="all segments together")] = 256 * MIB
    segment_bytes: Annotated[int, Meta(ge=4096, description="one segment")] = 16 * MIB
    segment_ns: Annotated[int, Meta(ge=0, description="a segment is closed after this much stream time")] = 60 * S
    record_pixels: Annotated[bool, Meta(description="keep thumbnails in the journal; without it the journal holds no pixels")] = False
    keep_tokens: Annotated[bool, Meta(description="keep tokens beside the journal")] = True


class StoreConfig(Section, frozen=True):
    """The log on disk."""

    log_bytes: Annotated[int, Meta(ge=65536, description="the log with its thumbnails")] = 2048 * MIB


class CaptureConfig(Section, frozen=True):
    """The senses, and what is kept of their pixels."""

    camera: Annotated[
        str, Meta(description="scene camera: a number or /dev/videoN, gst:PIPELINE, rtsp://ADDRESS, a video file, synthetic or gallery")
    ] = "0"
    gaze: Annotated[str, Meta(description="gaze: own (the camera's), pupil:ADDRESS, aria, pointer (a page's), saliency, prior or none")] = (
        "own"
    )
    offered_hz: Annotated[float, Meta(gt=0.0, description="frames offered a second")] = 10.0
    silent_ns: Annotated[int, Meta(gt=0, description="a camera that gives no frame for so long is closed and opened anew")] = 5 * S
    work_side_px: Annotated[int, Meta(ge=64, description="frames with a longer side are shrunk to this for the ring")] = 1280
    ring_bytes: Annotated[int, Meta(ge=65536, description="frames held for looks")] = 64 * MIB
    sharp_bytes: Annotated[int, Meta(ge=0, description="frames held as large as they came, for reading text; 0 holds none")] = 64 * MIB
    film_bytes: Annotated[int, Meta(ge=0, description="recordings on wish, all together; 0 records none")] = 512 * MIB


class ModelsConfig(Section, frozen=True):
    """Which models, on what."""

    bundle: Annotated[str, Meta(description="name or folder of a bundle")] = "pocket"
    vlm: Annotated[str, Meta(description="name or folder of a bundle with a language model; empty for none")] = ""
    context_rows: Annotated[int, Meta(ge=256, description="rows that the language model holds at once")] = 4096
    shown_rows: Annotated[int, Meta(ge=0, description="rows of what was seen that one answer is given by")] = 1024
    answer_tokens: Annotated[int, Meta(ge=1, description="longest answer of the language model, in its tokens")] = 64
    answer_deadline_ns: Annotated[int, Meta(ge=0, description="an answer that takes longer is given up")] = 30 * S
    reword: Annotated[bool, Meta(description="a language model without eyes may say facts in other words")] = False
    threads: Annotated[int, Meta(ge=1, description="threads of one inference")] = 2
    gpu_layers: Annotated[int, Meta(ge=-1, description="layers of the language model on a GPU; -1 for all where llama.cpp finds one")] = -1
    look_deadline_ns: Annotated[int, Meta(ge=0, description="a look that takes longer has failed")] = 5 * S


class DaemonConfig(Section, frozen=True):
    """The processes of a run, and who watches them."""

    metrics_port: Annotated[int, Meta(ge=0, le=65535, description="figures for Prometheus at 127.0.0.1, this port; 0 for none")] = 9477
    dead_ns: Annotated[int, Meta(gt=0, description="a process that says nothing for so long is started anew")] = 3 * S
    stop_ns: Annotated[int, Meta(ge=0, description="how long a process that is told to end may take")] = 2 * S


class Config(Section, frozen=True):
    """All of it."""

    attend: AttendConfig = AttendConfig()
    remember: RememberConfig = RememberConfig()
    speak: SpeakConfig = SpeakConfig()
    journal: JournalConfig = JournalConfig()
    store: StoreConfig = StoreConfig()
    capture: CaptureConfig = CaptureConfig()
    models: ModelsConfig = ModelsConfig()
    daemon: DaemonConfig = DaemonConfig()
