"""Goldfish (ECCV 2024), VLog (CVPR 2025) and MR. Video (2025): a stream kept as notes in words, found by words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

import msgspec
import numpy as np

from edge_runtime import codec
from edge_runtime.errors import UsageError
from edge_runtime.protocol import Looked
from edge_runtime.records import Dropped, Note, RetrievalCue, Slab
from edge_runtime.remember.policies import select, slabs
from edge_runtime.remember.policies.frames import frames_of, unit_rows
from edge_runtime.remember.sizes import text_bytes, vector_bytes
from edge_runtime.remember.words import fold
from edge_runtime.types import Box, Vector

NOTE_BYTES = 300
"""One note without its words and vector: a struct, two times, a list, and its place in one."""
PHRASE_BYTES = 60
UNKNOWN = "nothing named"
"""What is told of a clip in which there was nothing to say."""

Captioner = Callable[[Looked], Sequence[str]]
"""What a look shows, in phrases; none where there is nothing to say."""
TextEncoder = Callable[[str], Vector]
"""A text as a vector float32 [G]."""


class Clip(msgspec.Struct):
    """A stretch of looks in words.

    Attributes:
        t_start_ns: Its first look.
        t_end_ns: Its last.
        phrases: What they showed, each phrase once, in order of first appearance.
        key: float32 [G] of the words, where there is an encoder.
    """

    t_start_ns: int
    t_end_ns: int
    phrases: list[str] = []
    key: Vector | None = None

    @property
    def note(self) -> Note:
        """As it is told."""
        return Note(self.t_start_ns, self.t_end_ns, self.words or UNKNOWN)

    @property
    def words(self) -> str:
        """The phrases as one text."""
        return ", ".join(self.phrases)

    @property
    def nbytes(self) -> int:
        """Bytes it takes."""
        return NOTE_BYTES + sum(PHRASE_BYTES + text_bytes(phrase) for phrase in self.phrases) + vector_bytes(self.key)


class NotesState(msgspec.Struct):
    """What is kept, as plain data."""

    clips: list[Clip]
    dim: int


class Aliases:
    """Names that mean the same: each group is told by the name it was first given (MR. Video's unifying step, as a table).

    Args:
        groups: Names of one thing each, the one to tell it by first. Groups that share a name become one.

    Raises:
        UsageError: A name has no word in it.
    """

    def __init__(self, groups: Iterable[Sequence[str]] = ()) -> None:
        self._told_by: dict[str, str] = {}
        for group in groups:
            names = [fold(name) for name in group]
            if not all(name.strip() for name in names):
                raise UsageError(f"an alias without a word: {list(group)}", hint="every name needs a letter or a digit")
            known = list(dict.fromkeys(self._told_by[name] for name in names if name in self._told_by))
            first = known[0] if known else names[0]
            joined = [name for name, told_by in self._told_by.items() if told_by in known]
            self._told_by.update(dict.fromkeys(names + joined, first))
        longest_first = sorted(self._told_by, key=lambda name: (-len(name), name))
        self._names = re.compile("|".join(f"(?<= ){re.escape(name.strip())}(?= )" for name in longest_first) or "(?!)")

    def unified(self, text: str) -> str:
        """The folded words of a text, each known name replaced by the one its thing is told by; of overlapping names the longest counts."""
        return self._names.sub(lambda name: self._told_by[f" {name[0]} "].strip(), fold(text)).strip()


class CaptionNotes:
    """Keeps no tokens but words: a note for every clip, with a text vector where there is an encoder.

    Goldfish captions every clip, embeds the captions and answers from the few nearest to a question; VLog names what it sees from a
    vocabulary; MR. Video unifies the names before it answers. Kept of them: a note a clip, retrieval by text, the names made one. Not
    kept: their captioners and answering models; whoever has one gives it as ``captioner``, and the default says the labels and the lines
    of text that a look brought. Every token offered is therefore counted as ``skipped``. The oldest notes go when the bytes are full,
    counted as ``note``; a phrase that a note has no room for is counted as ``phrase``.

    Args:
        budget_bytes: Everything kept.
        seed: Makes no difference here.
        captioner: What a look shows. It must say the same of the same look.
        encoder: Makes the text vectors; without it words are compared.
        aliases: Names that mean the same, in notes as in questions.
        clip_ns: Length of a clip in stream time (Goldfish: 45 frames).
        words: At most so many in a note (published: 400 of subtitles).
        best: Notes that a question is shown.
    """

    def __init__(
        self,
        budget_bytes: int,
        *,
        seed: int = 0,
        captioner: Captioner | None = None,
        encoder: TextEncoder | None = None,
        aliases: Aliases | None = None,
        clip_ns: int = 10_000_000_000,
        words: int = 400,
        best: int = 3,
    ) -> None:
        self._budget_bytes = budget_bytes
        self._captioner = captioner or labels_and_lines
        self._encoder = encoder
        self._aliases = aliases or Aliases()
        self._clip_ns = clip_ns
        self._words = words
        self._best = best
        self._clips: list[Clip] = []
        self._dim = 0
        self._nbytes = 0

    def insert(self, look: Looked, protect: Sequence[Box] = ()) -> tuple[Dropped, ...]:
        """Note what a look shows; its tokens are not kept. Where the gaze rests makes no difference here.

        A look whose tokens are not what they claim, or of another model, is not trusted in words either.
        """
        frames, refused = frames_of(look, protect, self._dim)
        self._dim = frames[0].dim if frames else self._dim
        misshapen = any(drop.reason == "shape" for drop in refused)
        unsaid = 0 if misshapen else self._note(look)
        notes = 0
        while self._nbytes > self._budget_bytes:
            self._nbytes -= self._clips.pop(0).nbytes
            notes += 1
        skipped = sum(len(frame.emb) for frame in frames)
        drops = (Dropped("token", "skipped", skipped), Dropped("phrase", "length", unsaid), Dropped("note", "budget", notes))
        return refused + tuple(drop for drop in drops if drop.count)

    def view(self, max_tokens: int, cue: RetrievalCue | None = None) -> Slab:
        """Notes and no tokens, in order of time: with a cue in the encoder's space those that fit it best, else the newest.

        A note counts as a token for every four characters; one that no longer fits is left out.
        """
        best_first = self._by_vector(cue.vector) if cue is not None and cue.vector is not None else []
        return self._told(best_first or list(range(len(self._clips)))[::-1], max_tokens)

    def found(self, question: str, max_tokens: int) -> Slab:
        """The notes that fit a question in words best, as :meth:`view` shows them; none if it has nothing in common with any."""
        asked = self._aliases.unified(question)
        if self._encoder is not None:
            return self._told(self._by_vector(self._encoder(asked)), max_tokens)
        score = select.shared_words(asked, [self._aliases.unified(clip.words) for clip in self._clips])
        best_first = [int(at) for at in select.ranked(score)[: self._best] if score[at] > 0.0]
        return self._told(best_first, max_tokens)

    def nbytes(self) -> int:
        """Bytes kept."""
        return self._nbytes

    def forget(self, spans: Sequence[tuple[int, int]]) -> tuple[Dropped, ...]:
        """Forget every note of a clip that reaches into one of these spans, both ends included: its words cannot be told apart."""
        kept = [clip for clip in self._clips if not any(clip.t_start_ns <= end and clip.t_end_ns >= start for start, end in spans)]
        gone = len(self._clips) - len(kept)
        self._clips = kept
        self._nbytes = sum(clip.nbytes for clip in kept)
        return (Dropped("note", "forgotten", gone),) if gone else ()

    def state(self) -> bytes:
        """All that is kept."""
        return codec.encode(NotesState(self._clips, self._dim))

    def load(self, data: bytes) -> None:
        """Take up a state."""
        state = codec.decode(data, NotesState)
        self._clips, self._dim = state.clips, state.dim
        self._nbytes = sum(clip.nbytes for clip in self._clips)

    def _note(self, look: Looked) -> int:
        """Go on with the open clip, or open one; returns how many phrases its note had no room for."""
        t_ns = look.t_capture_ns
        if not self._clips or self._clips[-1].t_end_ns // self._clip_ns != t_ns // self._clip_ns:
            self._clips.append(Clip(t_ns, t_ns))
            self._nbytes += NOTE_BYTES
        clip = self._clips[-1]
        self._nbytes -= clip.nbytes
        clip.t_end_ns = max(clip.t_end_ns, t_ns)
        new = [phrase for phrase in dict.fromkeys(self._captioner(look)) if phrase not in clip.phrases]
        room = self._words - len(clip.words.split())
        said = []
        for phrase in new:
            length = len(phrase.split())
            if length <= room:
                room -= length
                said.append(phrase)
        clip.phrases += said
        if said and self._encoder is not None:
            clip.key = np.array(self._encoder(self._aliases.unified(clip.words)), dtype=np.float32)
        self._nbytes += clip.nbytes
        return len(new) - len(said)

    def _by_vector(self, asked: Vector) -> list[int]:
        """Numbers of the notes nearest to a text vector, best first."""
        keys = {at: clip.key for at, clip in enumerate(self._clips) if clip.key is not None and clip.key.shape == asked.shape}
        if not keys:
            return []
        alike = list(keys)
        return [alike[at] for at in select.ranked(unit_rows(np.stack(list(keys.values()))) @ asked)[: self._best]]

    def _told(self, best_first: Sequence[int], max_tokens: int) -> Slab:
        """So many of these notes as fit, in order of time."""
        room = max_tokens
        chosen = []
        for at in best_first:
            cost = select.note_tokens(self._clips[at].note)
            if 0 < cost <= room:
                room -= cost
                chosen.append(at)
        return msgspec.structs.replace(slabs.empty(), notes=tuple(self._clips[at].note for at in sorted(chosen)))


def labels_and_lines(look: Looked) -> list[str]:
    """What a look shows without a language model: the best label of each region, and the lines of text as read."""
    phrases: list[str] = []
    for region in look.regions:
        phrases += [hint.label for hint in region.labels[:1]]
        phrases += [f'text "{line.text}"' for line in region.lines if line.text.strip()]
    return phrases
