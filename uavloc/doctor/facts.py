"""What all gathered facts have in common."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

MAX_BYTES = 4096


class Facts(BaseModel):
    """Facts of one look: they travel from the looking process as JSON and never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def line(path: Path) -> str:
    """The first line of a small system file, without what does not print; empty where it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES)
    except OSError:
        return ""
    first = data.replace(b"\0", b"").decode("utf-8", "replace").splitlines()[:1]
    return "".join(c for c in first[0] if c.isprintable()).strip() if first else ""


def number(path: Path) -> int | None:
    """The whole number in a small system file."""
    text = line(path)
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 20 else None
