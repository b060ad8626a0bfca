"""Text as it is written: bytes of tokens in, pieces of text out, up to the first stop."""

from __future__ import annotations

import codecs


class TextStream:
    """Puts letters together that come in parts, and keeps back what may be the beginning of a stop.

    Bytes that are no UTF-8 become U+FFFD.

    Args:
        stops: The text ends before the first of these; none is empty.

    Attributes:
        ended: Whether a stop has come. Nothing more is let out then.
    """

    def __init__(self, stops: tuple[str, ...] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stops = stops
        self._waiting = ""
        self.ended = False

    def feed(self, piece: bytes) -> str:
        """Take the bytes of one token, and return the text that is certain now; it may be empty."""
        return self._take(self._decoder.decode(piece))

    def finish(self) -> str:
        """Return what was kept back, when nothing more comes."""
        return self._take(self._decoder.decode(b"", final=True), last=True)

    def _take(self, text: str, *, last: bool = False) -> str:
        if self.ended:
            return ""
        text = self._waiting + text
        kept = 0 if last else max((_overlap(text, stop) for stop in self._stops), default=0)
        certain = len(text) - kept
        found = min((at for at in (text.find(stop) for stop in self._stops) if at >= 0), default=-1)
        # a stop that has only begun, but begun earlier, is waited for
        if 0 <= found <= certain:
            self.ended, self._waiting = True, ""
            return text[:found]
        self._waiting = text[certain:]
        return text[:certain]


def _overlap(text: str, stop: str) -> int:
    """How many letters at the end of the text could be the beginning of the stop."""
    return next((size for size in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:size])), 0)
