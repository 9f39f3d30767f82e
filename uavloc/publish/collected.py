"""Files that are written whole, of all estimates."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

from uavloc.files import write_atomic
from uavloc.types import Estimate

Content = Callable[[list[Estimate]], bytes]
"""The bytes of a file of estimates."""


class Collected:
    """A `Publisher` that collects estimates and writes the file when closed."""

    def __init__(self, content: Content, path: Path) -> None:
        self._content, self._path = content, path
        self._estimates: list[Estimate] = []

    def publish(self, estimate: Estimate) -> None:
        """Remember one estimate."""
        self._estimates.append(estimate)

    def close(self) -> None:
        """Write the file; raises UavlocError."""
        write_atomic(self._path, self._content(self._estimates))


def collected(content: Content) -> Callable[[Path], Collected]:
    """The maker of a publisher of a path."""
    return functools.partial(Collected, content)


def xml_bytes(root: ET.Element) -> bytes:
    """An XML file with its declaration."""
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))
