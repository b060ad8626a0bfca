"""Speak: watches, answers, and the rules that keep it silent."""

from edge_runtime.speak.recallable import Recallable
from edge_runtime.speak.speaker import Speaker

__all__ = ["Recallable", "Speaker"]
