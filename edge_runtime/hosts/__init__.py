"""Hosts drive the core: they own clocks, pixels, models and files, and turn commands into events."""
