"""Where the wearer looks, while it happens: eye trackers, and guesses for those who wear none. Recordings are in ``devices.recordings``."""

from devices.trackers.feed import GazeFeed
from devices.trackers.opening import open_tracker
from devices.trackers.tracker import Tracker, Watching

__all__ = ["GazeFeed", "Tracker", "Watching", "open_tracker"]
