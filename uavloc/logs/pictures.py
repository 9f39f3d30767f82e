"""Pictures that come without the log of the flight: what videos and folders of photos have in common."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from uavloc.types import Frame


class Pictures(Protocol):
    """Pictures in time order with a clock of their own."""

    path: Path

    @property
    def utc(self) -> bool:
        """Whether their clock counts from 1970; else from the first picture."""

    def times(self) -> list[int]:
        """When each was taken, in ns of their clock, in order."""

    def frames(self) -> Iterator[Frame]:
        """The pictures, one by one, at these times; `image` is None where one cannot be read."""
