"""The daemon: its processes, and what talks to them."""
