"""The walk through the sample: where the wearer stands when, and what they look at.

Both are plain tables. Between two rows of :data:`STANDS` the wearer walks; between two rows of :data:`GLANCES` their eyes are on the way,
on the floor and the foot of the wall ahead.
"""

from __future__ import annotations

from typing import NamedTuple

from devices.gallery.layout import LEDGE_A_M, LEDGE_Y_M
from edge_runtime.config import S

DURATION_NS = 90 * S


class Stand(NamedTuple):
    """Where the wearer is at a time: along the wall, and in front of it."""

    t_s: float
    x_m: float
    z_m: float


class Glance(NamedTuple):
    """What the wearer looks at, from when to when: a thing by name, or a place on the wall ``(x_m, y_m)``."""

    start_s: float
    end_s: float
    what: str | tuple[float, float]


STANDS: tuple[Stand, ...] = (
    # comes in, reads the card, looks at the cat
    Stand(0.0, -0.5, 2.20),
    Stand(1.7, 1.00, 1.40),
    Stand(5.6, 1.32, 1.30),
    Stand(6.6, 2.40, 1.42),
    Stand(8.7, 2.66, 1.32),
    # leans around the mug while teaching it: from the left, near, from the right, farther off
    Stand(9.6, 3.55, 1.30),
    Stand(11.4, 3.62, 1.22),
    Stand(12.2, 4.02, 1.50),
    Stand(13.0, 4.26, 1.28),
    Stand(14.6, 3.60, 1.62),
    Stand(16.3, 3.95, 1.38),
    Stand(17.2, 5.02, 1.45),
    Stand(18.4, 5.24, 1.35),
    Stand(19.4, 6.35, 1.38),
    Stand(21.0, 6.52, 1.30),
    Stand(22.0, 7.60, 1.48),
    Stand(24.0, 7.88, 1.36),
    # turns back, past the empty ledge, to the cat again
    Stand(27.9, 4.30, 1.70),
    Stand(30.4, 3.78, 1.42),
    Stand(31.4, 2.80, 1.42),
    Stand(33.6, 2.52, 1.30),
    Stand(35.8, 2.62, 1.45),
    # and once more along the wall, farther than before
    Stand(40.5, 8.90, 1.62),
    Stand(42.5, 9.16, 1.34),
    Stand(43.4, 10.28, 1.42),
    Stand(44.8, 10.46, 1.30),
    Stand(45.7, 11.48, 1.45),
    Stand(47.2, 11.74, 1.36),
    Stand(48.1, 12.62, 1.40),
    Stand(50.2, 13.06, 1.28),
    Stand(52.0, 12.92, 1.46),
    Stand(53.3, 14.15, 1.46),
    Stand(55.2, 14.38, 1.34),
    Stand(56.6, 15.48, 1.45),
    Stand(59.0, 15.76, 1.36),
    Stand(60.6, 16.84, 1.42),
    Stand(65.0, 17.10, 1.28),
    Stand(66.8, 18.25, 1.45),
    Stand(69.0, 18.42, 1.34),
    Stand(70.4, 19.60, 1.48),
    Stand(74.2, 19.84, 1.30),
    Stand(75.6, 21.00, 1.45),
    Stand(78.0, 21.22, 1.32),
    Stand(80.0, 21.30, 1.60),
    Stand(84.0, 21.75, 2.15),
    Stand(87.0, 21.60, 1.70),
    Stand(90.0, 21.90, 2.30),
)

GLANCES: tuple[Glance, ...] = (
    Glance(0.5, 1.2, "room"),
    Glance(1.8, 5.6, "room"),
    Glance(6.4, 9.0, "cat"),
    Glance(9.2, 16.3, "mug"),
    Glance(17.0, 18.4, "dahlia"),
    Glance(19.1, 21.0, "exit"),
    Glance(21.8, 24.0, "motorcycle"),
    Glance(26.2, 26.9, "dahlia"),
    Glance(27.9, 30.3, (LEDGE_A_M, LEDGE_Y_M + 0.06)),
    Glance(31.2, 33.6, "cat"),
    Glance(34.4, 35.6, "cat"),
    Glance(37.2, 37.8, "dahlia"),
    Glance(38.9, 39.6, "motorcycle"),
    Glance(40.4, 42.4, "pagoda"),
    Glance(43.0, 44.9, "menu"),
    Glance(45.5, 47.2, "bus"),
    Glance(47.8, 50.0, "mug"),
    Glance(50.1, 50.6, (13.5, 2.15)),
    Glance(50.7, 52.0, "mug"),
    Glance(53.3, 55.2, "coins"),
    Glance(56.8, 59.0, "astronaut"),
    Glance(60.6, 65.0, "letter"),
    Glance(66.7, 69.0, "rocket"),
    Glance(70.3, 74.0, "galaxies"),
    Glance(75.4, 78.0, "photographer"),
    Glance(79.0, 81.4, "photographer"),
    Glance(82.0, 83.6, "photographer"),
    Glance(85.0, 88.2, "photographer"),
    Glance(88.8, 90.0, "photographer"),
)
