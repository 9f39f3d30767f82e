"""What is wrong now, in words for who watches; and whether the program does its work, for a machine that asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def troubles(status: Mapping[str, Any], frame_timeout_s: float) -> list[str]:
    """Why the program cannot do its work: no pictures, no vehicle. Empty where it can, whatever it finds."""
    found = []
    age_s = status["camera"]["age_s"]
    if age_s > frame_timeout_s:
        found.append(f"no picture for {age_s:.0f} s")
    links: Sequence[Mapping[str, Any]] = status["links"]
    if not any(link["connected"] for link in links):
        found.append("the vehicle is not heard: no link is connected")
    return found


def warnings(status: Mapping[str, Any], frame_timeout_s: float) -> list[str]:
    """The same, and what a pilot should know."""
    publishing, links = status["publishing"], status["links"]
    fusion = publishing["fusion"]
    silent = [link["url"] for link in links if not link["connected"]]
    lossy = [f"{link['url']} {link['lost_share']:.0%}" for link in links if link["lost_share"] > 0.05]
    unsynced = [link["url"] for link in links if link["connected"] and not link["synced"]]
    found = [*troubles(status, frame_timeout_s)]
    if publishing["paused"]:
        found.append("paused: no positions are sent to the autopilot")
    if fusion["state"] in {"rejected", "ignored"}:
        found.append(f"the autopilot does not fly by the positions: {fusion['why']}")
    if silent and len(silent) < len(links):
        found.append(f"silent: {', '.join(silent)}")
    if lossy:
        found.append(f"packets are lost: {', '.join(lossy)}")
    if unsynced:
        found.append(f"the clock of the vehicle is not known yet: {', '.join(unsynced)}")
    return found
