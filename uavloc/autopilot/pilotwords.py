"""How things stand, in the words of a pilot."""

from __future__ import annotations

from uavloc.autopilot.fusion import Fusion
from uavloc.autopilot.statustext import CRITICAL, INFO, NOTICE, WARNING, Words


def about_position(known: bool, ever_known: bool, armed: bool, relied_on: bool) -> Words:
    """Whether there is a position. Losing it is critical to who flies by it, and no matter on the ground."""
    if known:
        return Words("position found", INFO)
    if not ever_known:
        return Words("looking for the position", INFO)
    severity = CRITICAL if armed and relied_on else WARNING if armed else NOTICE
    return Words("position lost, do not rely on vision", severity)


def about_route(complaint: str, armed: bool) -> Words | None:
    """What keeps a known position from being sent."""
    return Words(complaint, WARNING if armed else NOTICE) if complaint else None


def about_fusion(fusion: Fusion, armed: bool) -> Words | None:
    """Whether the autopilot listens; nothing where that cannot be told."""
    if fusion.state == "unknown":
        return None
    if fusion.state == "fused":
        return Words("autopilot flies by vision", INFO)
    said = "autopilot rejects vision" if fusion.state == "rejected" else "autopilot does not use vision"
    return Words(said, WARNING if armed else NOTICE)
