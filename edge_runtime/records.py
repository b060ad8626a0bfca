"""What is kept: facts with their evidence, memory tokens, and the terms in which they are asked for and forgotten.

Frozen like :mod:`edge_runtime.types`, with the same units and coordinates.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from edge_runtime.types import Box, Thumb, TokenArray, Value, Vector


class Evidence(Value, frozen=True):
    """One look that supports a claim.

    Attributes:
        frame_seq: The frame.
        t_ns: Its capture time.
        box: Where in it.
        thumb_id: The thumbnail kept of it, if any.
    """

    frame_seq: int
    t_ns: int
    box: Box
    thumb_id: str | None = None


SightingKind = Literal["concept", "text", "label", "thing"]


class What(Value, frozen=True):
    """What was seen.

    Attributes:
        kind: A taught concept, read text, a label hint, or a thing without a name.
        name: The concept's name, the text, the label; ``"thing 7"`` for the nameless.
    """

    kind: SightingKind
    name: str


class Sighting(Value, frozen=True):
    """A fact: something was seen, somewhere, for a while, with evidence.

    Attributes:
        id: Counts up over the session.
        what: The thing.
        place_id: The place, an index into the places of the memory; ``None`` if no overview was looked at yet.
        box: Where in the picture, at its best look.
        t_start_ns: First look that shows it.
        t_end_ns: Last look that shows it.
        confidence: Of the best look, 0..1.
        looks: How many looks showed it.
        gazed: Whether the wearer's gaze was on it, rather than it merely being in view.
        gaze_ns: How long gaze rested on it.
        evidence: At least one look, best first, at most four.
        vector: float32 [G] of the best look, for things and concepts.
        merged: How many sightings this one stands for: more than one only in the log, where old ones were merged to save room.
    """

    id: int
    what: What
    place_id: int | None
    box: Box
    t_start_ns: int
    t_end_ns: int
    confidence: float
    looks: int
    gazed: bool
    gaze_ns: int
    evidence: tuple[Evidence, ...]
    vector: Vector | None = None
    merged: int = 1

    def __post_init__(self) -> None:
        if not self.evidence:
            raise ValueError("a sighting without evidence is a guess")
        if self.t_end_ns < self.t_start_ns:
            raise ValueError("a sighting ends after it starts")


class Row(Value, frozen=True):
    """A sighting on its way to the log, with the thumbnails it cites."""

    sighting: Sighting
    place: str
    thumbs: tuple[Thumb, ...] = ()


class Note(Value, frozen=True):
    """What was seen in a stretch of time, in words."""

    t_start_ns: int
    t_end_ns: int
    text: str


class Slab(Value, frozen=True):
    """A set of memory tokens: what a policy keeps and a vision-language model is shown.

    Attributes:
        emb: float16 [N, D].
        pos: int32 [N, 3]: frame seq, row, column; original, never renumbered.
        t_ns: int64 [N]: capture time of the earliest source token each stands for.
        t_end_ns: int64 [N]: of the latest; the same where nothing was merged.
        weight: float32 [N]: how many source tokens each stands for.
        salience: float32 [N]: what keeping it is worth, within one policy.
        notes: What is told in words instead, in order of time; counted as a token for every four characters.
        standing: How many of the first are shown whatever is asked. A model that has read them need not read them again as long as they
            stay the same. They are in order of time, and so are those behind them.
    """

    emb: TokenArray
    pos: npt.NDArray[np.int32]
    t_ns: npt.NDArray[np.int64]
    t_end_ns: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float32]
    salience: npt.NDArray[np.float32]
    notes: tuple[Note, ...] = ()
    standing: int = 0


class ShownTokens(Value, frozen=True):
    """Tokens that a language model was shown together, for the record.

    Attributes:
        kind: ``foveal`` (what gaze rested on), ``middle`` (where no gaze is known) or ``overview`` of a look taken for the question;
            ``memory``.
        t_ns: Capture time of the earliest they stand for.
        t_end_ns: Of the latest.
        count: How many rows the model read.
        stands_for: How many tokens as seen they stand for.
        frame_seqs: The frames they are of, at most eight.
    """

    kind: Literal["foveal", "middle", "overview", "memory"]
    t_ns: int
    t_end_ns: int
    count: int
    stands_for: float
    frame_seqs: tuple[int, ...] = ()


class RetrievalCue(Value, frozen=True):
    """What a question offers to find memory tokens by; any of it may be missing.

    Attributes:
        vector: float32 [G], unit norm, in the space of the regions' vectors: a picture of the thing, or its name by an encoder that
            aligns the two.
        tokens: float16 [L,D], in the space of the memory's tokens.
        t_now_ns: When it is asked.
    """

    vector: Vector | None = None
    tokens: TokenArray | None = None
    t_now_ns: int = 0


class Dropped(Value, frozen=True):
    """Something that was let go, and why. Every drop is one of these.

    Attributes:
        what: ``"frame"``, ``"look"``, ``"gaze"``, ``"token"``, ``"sighting"``, ``"thumb"``, ``"result"`` ...
        reason: A machine code, such as ``"budget"``, ``"late"``, ``"evicted"``, ``"clock"``.
        count: How many.
    """

    what: str
    reason: str
    count: int = 1


class Concept(Value, frozen=True):
    """Something the wearer has shown and named.

    Attributes:
        name: As the wearer says it, lower case, without the article: ``"my mug"`` is ``"mug"``.
        views: Unit vectors float32 [G], one a view; empty while it is still to be looked at.
        t_taught_ns: When.
    """

    name: str
    views: tuple[Vector, ...] = ()
    t_taught_ns: int = 0


class Scope(Value, frozen=True):
    """What to forget.

    Attributes:
        kind: ``"since"`` (everything from ``t_from_ns`` on), ``"thing"`` (``name``), ``"place"`` (``place_id``) or ``"all"``.
        t_from_ns: With ``"since"``.
        name: With ``"thing"``: a concept, a label or a text.
        place_id: With ``"place"``.
    """

    kind: Literal["since", "thing", "place", "all"]
    t_from_ns: int = 0
    name: str = ""
    place_id: int = -1


class Receipt(Value, frozen=True):
    """What was erased or stored, counted."""

    rows: int
    thumbs: int = 0
    nbytes: int = 0


class Query(Value, frozen=True):
    """A question to the log, in its own terms.

    Attributes:
        names: Match any of these names, lower case; empty matches all.
        kinds: Match any of these kinds; empty matches all.
        text: Words that a text sighting must hold, or ``""``.
        t_from_ns: Sightings that end at or after this.
        t_to_ns: Sightings that start at or before this.
        key: A vector float32 [G] to compare with: the most alike come first, equals in the order asked for, and what has no vector of
            this length does not match.
        newest_first: Order.
        limit: At most this many rows.
    """

    names: tuple[str, ...] = ()
    kinds: tuple[SightingKind, ...] = ()
    text: str = ""
    t_from_ns: int = 0
    t_to_ns: int = 2**62
    newest_first: bool = True
    limit: int = 16
    key: Vector | None = None
