"""The status of the running program for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def status_rows(status: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """A status document as rows of a table."""
    place, camera, publishing = status["position"], status["camera"], status["publishing"]
    where = (
        f"{place['lat_deg']:.6f},{place['lon_deg']:.6f} +- {place['std_m']} m (1 sigma)"
        if place["published"]
        else f"not published: {place['why']}"
    )
    links = [
        f"{link['url']}: {'connected' if link['connected'] else 'silent'}, {100 * link['lost_share']:.0f} % lost"
        for link in status["links"]
    ]
    return [
        ("position", where),
        ("publishing", f"{'paused, ' if publishing['paused'] else ''}route {publishing['route'] or 'not known yet'}"),
        ("autopilot", f"{publishing['fusion']['state']}: {publishing['fusion']['why']}"),
        ("links", "; ".join(links) or "none"),
        ("camera", f"last frame {camera['age_s']} s ago; {_counted(camera['frames'])}"),
        ("frames became", _counted(status["outcomes"])),
        ("cache", f"{status['cache']['path']}{'; ' + status['switch'] if status.get('switch') else ''}"),
        *((name, f"{t['p50_ms']} ms, 95 % within {t['p95_ms']} ms") for name, t in status["timings"].items()),
        ("memory", f"{status['memory_mb']} MB, {status['threads']} threads, up {status['up_s']} s"),
    ]


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none yet"
