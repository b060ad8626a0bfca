"""The journal: every event in, every command out, in segments bounded in bytes."""

from edge_runtime.journal.absent import AbsentJournal
from edge_runtime.journal.forgetting_note import Forgetting, ForgettingNote
from edge_runtime.journal.format import Gap, Head, Step, without_blobs
from edge_runtime.journal.reader import Hole, JournalReader
from edge_runtime.journal.writer import Journal

__all__ = [
    "AbsentJournal",
    "Forgetting",
    "ForgettingNote",
    "Gap",
    "Head",
    "Hole",
    "Journal",
    "JournalReader",
    "Step",
    "without_blobs",
]
