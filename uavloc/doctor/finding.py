"""What an examination says: one line what was found, one line what mends it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

Level: TypeAlias = Literal["ok", "warn", "fail", "absent"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`topic` is one of docs/doctor.md. `fail` stops a flight, `warn` may spoil one, `absent` is not needed."""

    topic: str
    level: Level
    what: str
    fix: str = ""


def ok(topic: str, what: str) -> Finding:
    """As it should be."""
    return Finding(topic, "ok", what)


def warn(topic: str, what: str, fix: str) -> Finding:
    """A flight is possible, and may suffer."""
    return Finding(topic, "warn", what, fix)


def fail(topic: str, what: str, fix: str) -> Finding:
    """A flight would not begin, or not be safe."""
    return Finding(topic, "fail", what, fix)


def absent(topic: str, what: str, fix: str = "") -> Finding:
    """Not there, or not looked at, and not needed for what is configured."""
    return Finding(topic, "absent", what, fix)


def stopping(findings: Iterable[Finding]) -> list[Finding]:
    """Those that would stop a flight."""
    return [finding for finding in findings if finding.level == "fail"]


def document(findings: Iterable[Finding], version: str) -> dict[str, Any]:
    """All of it as plain JSON values."""
    found = list(findings)
    counts = {level: sum(f.level == level for f in found) for level in ("ok", "warn", "fail", "absent")}
    return {
        "uavloc": version,
        "ready": not stopping(found),
        "counts": counts,
        "findings": [asdict(finding) for finding in found],
    }
