"""A pause on disk: a file beside the state that is there while positions are held back, over restarts as well."""

from __future__ import annotations

import contextlib
import os
from datetime import datetime, timezone
from pathlib import Path

from uavloc.errors import UavlocError


class PauseFile:
    """The file of a flight whose state is kept at `state`; with an empty path nothing is kept."""

    def __init__(self, state: str) -> None:
        self.path = Path(f"{state}.paused") if state else None

    def since(self) -> str | None:
        """When the pause began (UTC), None without one."""
        with contextlib.suppress(OSError):
            if self.path is not None:
                return f"{datetime.fromtimestamp(self.path.stat().st_mtime, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
        return None

    def keep(self) -> None:
        """From now on the flight is paused, whatever the power does; raises UavlocError where that cannot be kept.

        A pause that is kept already has begun when it began.
        """
        try:
            if self.path is not None:
                with self.path.open("ab") as file:
                    os.fsync(file.fileno())
        except OSError as error:
            raise UavlocError(f"{self.path}: cannot write: {error.strerror}") from error

    def remove(self) -> None:
        """The pause is over; raises UavlocError where it would come back with a restart."""
        try:
            if self.path is not None:
                self.path.unlink(missing_ok=True)
        except OSError as error:
            raise UavlocError(f"{self.path}: cannot remove: {error.strerror}") from error
