"""How a running daemon is, as text and as JSON. Pure functions of what was heard: no clock, no socket."""
