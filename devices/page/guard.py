"""Who may come in, how much they may send, and that no fault behind the page ends it. No I/O: the server asks, these answer.

Any page of any site that is open in the wearer's browser can send requests to this machine. So the address holds a token that no other
page knows, the ``Host`` must be ours (or a name that was pointed at this machine would do), and a WebSocket must come from our own page.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from devices.page.glasses import Glasses

_log = logging.getLogger(__name__)
T = TypeVar("T")

S_NS = 1_000_000_000
MOST_MESSAGE_BYTES = 2 * 2**20
"""Of one message: a picture."""
MOST_TEXT_BYTES = 64 * 2**10
TEXTS_PER_S = 120
TEXT_BURST = 240
PICTURES_PER_S = 60
PICTURE_BURST = 120
BYTES_PER_S = 12 * 2**20
OVER_NS = 10 * S_NS
"""A tab that sends too much for this long is closed."""
CALM_NS = 2 * S_NS
"""After so long without a message too many, the tab is forgiven."""
MOST_FAULTS_LOGGED = 20
"""Of different ones; all are counted."""

NOT_HERE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Not here</title>'
    "<h1>There is nothing at this address.</h1>"
    "<p>Please use the address that the terminal printed when the glasses were started; it changes with every start.</p></html>\n"
)
"""The same words whatever was wrong, so that nobody learns whether a token was right."""


@dataclass(frozen=True, slots=True)
class Door:
    """Decides about every request before it is looked at any further.

    Attributes:
        token: The first part of every path.
        port: Where we listen.
    """

    token: str
    port: int

    def refusal(self, path: str, headers: Mapping[str, str]) -> int | None:
        """Check a request.

        Args:
            path: As it was sent, not decoded, without the query.
            headers: Of the request; looked up without regard to case.

        Returns:
            The HTTP status to refuse with, or ``None``: come in.
        """
        host = headers.get("Host", "")
        if host not in (f"127.0.0.1:{self.port}", f"localhost:{self.port}"):
            return 403
        rest = self.rest(path)
        if rest is None:
            return 404
        if rest == "ws" and headers.get("Origin") != f"http://{host}":
            return 403
        # The page itself may be reached by a link or a bookmark; what belongs to it is asked for by the page alone.
        if rest != "" and headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            return 403
        return None

    def rest(self, path: str) -> str | None:
        """The path behind the token; ``None`` without the right one."""
        _, _, tail = path.partition("/")
        token, slash, rest = tail.partition("/")
        known = hmac.compare_digest(token.encode("utf-8", "replace"), self.token.encode())
        return rest if known and slash and path.startswith("/") else None

    def headers(self) -> dict[str, str]:
        """What every answer carries, refusals too.

        Not every browser takes ``'self'`` to cover WebSockets, so our own two are named.
        """
        sockets = f"ws://127.0.0.1:{self.port} ws://localhost:{self.port}"
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
            f"connect-src 'self' {sockets}; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return {
            "Cache-Control": "no-store",
            "Content-Security-Policy": policy,
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), display-capture=(), usb=(), serial=(), payment=()",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }


class Bucket:
    """Lets through ``rate_per_s`` in the long run and ``burst`` at once.

    Args:
        rate_per_s: Units a second.
        burst: The most units it holds; it starts full.
        now_ns: The time, on any clock that does not go back.
    """

    def __init__(self, rate_per_s: float, burst: float, now_ns: int) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._left = burst
        self._at_ns = now_ns

    def take(self, units: float, now_ns: int) -> bool:
        """Whether there is room; what does not fit takes nothing."""
        self._left = min(self._burst, self._left + (now_ns - self._at_ns) / S_NS * self._rate_per_s)
        self._at_ns = now_ns
        if units > self._left:
            return False
        self._left -= units
        return True


class Measure:
    """How much one tab sends."""

    def __init__(self, now_ns: int) -> None:
        self._texts = Bucket(TEXTS_PER_S, TEXT_BURST, now_ns)
        self._pictures = Bucket(PICTURES_PER_S, PICTURE_BURST, now_ns)
        self._bytes = Bucket(BYTES_PER_S, BYTES_PER_S, now_ns)
        self._over_since_ns: int | None = None
        self._over_last_ns = 0

    def text(self, nbytes: int, now_ns: int) -> bool:
        """Whether a text message may still be taken."""
        return self._judge(self._bytes.take(nbytes, now_ns) and self._texts.take(1, now_ns), now_ns)

    def picture(self, nbytes: int, now_ns: int) -> bool:
        """Whether a binary message may still be taken."""
        return self._judge(self._bytes.take(nbytes, now_ns) and self._pictures.take(1, now_ns), now_ns)

    def is_flood(self, now_ns: int) -> bool:
        """Whether it has been too much for too long."""
        self._forgive(now_ns)
        return self._over_since_ns is not None and now_ns - self._over_since_ns >= OVER_NS

    def _judge(self, fits: bool, now_ns: int) -> bool:
        self._forgive(now_ns)
        if not fits:
            if self._over_since_ns is None:
                self._over_since_ns = now_ns
            self._over_last_ns = now_ns
        return fits

    def _forgive(self, now_ns: int) -> None:
        if self._over_since_ns is not None and now_ns - self._over_last_ns > CALM_NS:
            self._over_since_ns = None


class Careful:
    """Calls into the glasses. What they raise is counted every time and logged the first time, and the page goes on."""

    def __init__(self, glasses: Glasses) -> None:
        self._glasses = glasses
        self._known: set[tuple[type[Exception], str]] = set()

    def call(self, what: Callable[..., T], *args: object) -> T | None:
        """What a call returns; ``None`` if it raised."""
        try:
            return what(*args)
        except Exception as error:
            self.fault(error)
            return None

    def count(self, what: str, reason: str, count: int = 1) -> None:
        """Count something let go."""
        self.call(self._glasses.count, what, reason, count)

    def fault(self, error: Exception) -> None:
        """Take note of an exception that came out of the glasses."""
        self._log(error)
        try:
            self._glasses.count("page", "fault")
        except Exception as another:
            self._log(another)

    def _log(self, error: Exception) -> None:
        kind = (type(error), str(error))
        if kind not in self._known and len(self._known) < MOST_FAULTS_LOGGED:
            self._known.add(kind)
            _log.error("the glasses did not do what the page asked for: %s", error, exc_info=error)
