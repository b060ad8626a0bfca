"""What is being forgotten, noted on the disk before it begins, so that a crash cannot leave it half done.

The step that forgets is not in the journal: its event names what is forgotten, and its command lists it. So the note holds both. It lies
beside the segments, and is taken away when journal, decisions and log have lost what it names.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from edge_runtime import codec
from edge_runtime.errors import DeviceError, JournalError
from edge_runtime.journal.whole_file import sync_folder, write_whole
from edge_runtime.protocol import Erase, Forget

NOTE_NAME = "forgetting"
MOST_NOTED = 64
"""As many as the core waits for at a time."""


class Forgetting(msgspec.Struct, frozen=True):
    """One wish that is being carried out.

    Attributes:
        event: The wearer's wish.
        order: What the core answered it with, pictures of what lives on included, as in the log's own note.
    """

    event: Forget
    order: Erase


_noted: msgspec.msgpack.Decoder[tuple[Forgetting, ...]] = codec.decoder(tuple[Forgetting, ...])


class ForgettingNote:
    """The note beside a journal.

    Args:
        folder: Of the journal.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NOTE_NAME

    def write(self, event: Forget, order: Erase) -> None:
        """Note a wish, before anything of it is erased; it takes the place of one for the same scope.

        Raises:
            DeviceError: The disk refuses, or too many are under way.
            JournalError: What is noted already cannot be read.
        """
        others = [noted for noted in self.read() if noted.event.scope != event.scope]
        if len(others) >= MOST_NOTED:
            raise DeviceError(f"{MOST_NOTED} wishes to forget are under way already", hint="see to the log, then ask again")
        self._write([*others, Forgetting(event, order)])

    def clear(self, order: int) -> None:
        """Take away what was noted with a command: journal, decisions and log have lost it.

        Args:
            order: Id of that ``Erase``; one that is not noted is no error.

        Raises:
            DeviceError: The disk refuses.
            JournalError: The note cannot be read.
        """
        noted = self.read()
        left = [other for other in noted if other.order.id != order]
        if len(left) < len(noted):
            self._write(left)

    def read(self) -> tuple[Forgetting, ...]:
        """What is being forgotten, the oldest wish first; nothing if there is no note.

        Raises:
            DeviceError: The disk refuses.
            JournalError: The note is damaged.
        """
        try:
            return _noted.decode(self._path.read_bytes())
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise _refused(self._path, error) from error
        except (msgspec.MsgspecError, ValueError) as error:
            raise JournalError(f"{self._path} cannot be read: {error}", hint="what it named is not known; forget it again") from error

    def remove(self) -> None:
        """Take the note away whatever it says.

        Raises:
            DeviceError: The disk refuses.
        """
        try:
            self._path.unlink(missing_ok=True)
            if self._path.parent.is_dir():
                sync_folder(self._path.parent)
        except OSError as error:
            raise _refused(self._path, error) from error

    def _write(self, noted: list[Forgetting]) -> None:
        if not noted:
            self.remove()
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._path, codec.encode(noted))
        except OSError as error:
            raise _refused(self._path, error) from error


def _refused(path: Path, error: OSError) -> DeviceError:
    return DeviceError(f"{path} cannot be used: {error.strerror}", hint="free some disk, then forget again")
