"""Everything this project raises on purpose, as one tree. Each error says what to do next in its ``hint``.

EdgeError                 exit code
  UsageError                2    the call is off: unknown key, verb or option value
    ConfigError
  InputError                3    a video, gaze file, journal, log or annotation cannot be used
    VideoError
    GazeFileError
    JournalError
    LogError
  ModelError                4    weights or an optional package are missing or wrong
    MissingExtra
    BundleError
    HashMismatch
    Unreachable                  the package index or the Hub did not answer
    Gated                        the Hub does not give it to everybody
    ContextFull, Refused, Interrupted       in edge_runtime.models.language
    NothingSeen                             in edge_runtime.models.planner
    UnsupportedModel, UnsupportedPrecision  in export
  DeviceError               5    the machine says no: disk, cache folder, camera, lock
    StoreError
    Locked
    NotRunning                   no daemon runs here
    Evicted                      the frame asked for has left the ring
    CameraError                  a camera is missing, refused, busy or unplugged
"""

from __future__ import annotations


class EdgeError(Exception):
    """The root: a sentence for the person, and a hint that says what to do next.

    Args:
        message: What went wrong, one line, without a full stop.
        hint: What to do next, one line.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(EdgeError):
    """The call itself is off."""

    exit_code = 2


class ConfigError(UsageError):
    """A setting is unknown, has the wrong type or lies outside its range."""


class InputError(EdgeError):
    """Something that was given to read cannot be used."""

    exit_code = 3


class VideoError(InputError):
    """A video is missing, empty, truncated or cannot be decoded."""


class GazeFileError(InputError):
    """A gaze file has no rows, unknown columns or an impossible unit."""


class JournalError(InputError):
    """A journal is missing, of another major version, or does not replay as written."""


class LogError(InputError):
    """A log that is to be read is missing, damaged, of another program or of a newer version."""


class ModelError(EdgeError):
    """Weights or an optional package are missing or wrong."""

    exit_code = 4


class MissingExtra(ModelError):
    """An optional package is not installed; the hint names the extra."""


class BundleError(ModelError):
    """A model bundle is missing, incomplete or made for another version."""


class HashMismatch(ModelError):
    """A file is not the one that was asked for."""


class Unreachable(ModelError):
    """The package index or the Hub did not answer, or does not have what was asked for."""


class Gated(ModelError):
    """The Hub gives it only to those who accepted its terms, and who say who they are."""


class DeviceError(EdgeError):
    """The machine refuses: disk, permission, camera."""

    exit_code = 5


class StoreError(DeviceError):
    """The log cannot be opened or written."""


class Locked(DeviceError):
    """Another process holds this log or folder."""


class NotRunning(DeviceError):
    """No daemon of this user runs on this machine."""


class Evicted(DeviceError):
    """The frame asked for has left the frame ring."""


class CameraError(DeviceError):
    """A camera is missing, may not be used, is held by another program, or was unplugged."""
