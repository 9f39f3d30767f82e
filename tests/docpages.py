"""The commands that documents tell a reader to type."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from program import REPO

PAGES = sorted(
    [REPO / "README.md", *REPO.glob("docs/*.md"), *REPO.glob("engines/**/README.md"), *REPO.glob("tools/**/*.md")]
)
_FENCE = re.compile(r"(?:<!-- needs (?P<needs>\w+) -->\n)?^ *```(?P<kind>[^\n]*)\n(?P<text>.*?)^ *```$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """A block of code: of kind `sh` it is run by the tests, without a kind its commands are only read."""

    kind: str
    text: str
    needs: str | None


def blocks(page: Path) -> list[Block]:
    found = _FENCE.finditer(page.read_text(encoding="utf-8"))
    return [Block(each["kind"].strip(), each["text"], each["needs"]) for each in found]


def commands(page: Path, kinds: tuple[str, ...] = ("", "sh")) -> Iterator[list[str]]:
    """The words of every `uavloc ...` that a page shows, without comments and what the shell adds."""
    for block in blocks(page):
        if block.kind in kinds:
            for line in block.text.replace("\\\n", " ").splitlines():
                for part in re.split(r"\s(?:&&|\|\||\||&|>)(?:\s|$)", line):
                    words = shlex.split(part, comments=True)
                    if words[:1] == ["uavloc"]:
                        yield words[1:]
