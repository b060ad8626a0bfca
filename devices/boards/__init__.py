"""The board underneath: what it is, how warm, what it takes, and what that leaves for the runtime. All from files."""

from devices.boards.identity import Identity, identify
from devices.boards.power import total_mw
from devices.boards.readings import Reading, Readings, read_board
from devices.boards.strain import Level, Strain, next_level, strain_of
from devices.boards.tree import Tree
from devices.boards.watch import BoardWatch

__all__ = [
    "BoardWatch",
    "Identity",
    "Level",
    "Reading",
    "Readings",
    "Strain",
    "Tree",
    "identify",
    "next_level",
    "read_board",
    "strain_of",
    "total_mw",
]
