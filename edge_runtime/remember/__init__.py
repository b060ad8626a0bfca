"""Remember: what was seen, by what evidence, inside a fixed number of bytes."""

from edge_runtime.remember.memory import Memory

__all__ = ["Memory"]
