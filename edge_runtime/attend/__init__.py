"""Attend: what the wearer attends to, and what is worth a look."""

from edge_runtime.attend.attend import Attend, AttendState

__all__ = ["Attend", "AttendState"]
