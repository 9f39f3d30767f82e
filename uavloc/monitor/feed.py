"""What the live page is told: made once for all who watch, and each of them gets the newest only."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from uavloc.monitor.ground import Ground
from uavloc.monitor.history import History
from uavloc.monitor.onlooker import Onlooker, Scene
from uavloc.monitor.warnings import warnings
from uavloc.onboard.publishing import Told
from uavloc.onboard.report import Said
from uavloc.onboard.statustable import status_rows
from uavloc.replay.album import Pages
from uavloc.report.data import frame_row, pictures_row
from uavloc.tiles import TileCache

MOST_FRAMES = 100
"""In a message: those of a long flight all at once would take longer over a slow radio than a client is waited for."""
STATUS_S = 1.0
PICTURES_S = 2.0
_PICTURES_BYTES = 40_000


@dataclass
class Seen:
    """How far a client has been told; -1: not at all."""

    frame: int = -1
    status: int = -1
    pictures: int = -1
    map: str = ""


@dataclass(frozen=True)
class _Part:
    number: int = -1
    text: str = "null"


class Feed:
    """Belongs to the thread of the monitor, but for `onlooker`."""

    def __init__(
        self,
        onlooker: Onlooker,
        told: Callable[[], Told],
        status: Callable[[], dict[str, Any]],
        cache: Callable[[], TileCache],
        recent: Callable[[], Sequence[Said]],
        frame_timeout_s: float,
    ) -> None:
        """Raises CacheError where the map cannot be read."""
        self._onlooker, self._told, self._status, self._cache = onlooker, told, status, cache
        self._recent, self._frame_timeout_s = recent, frame_timeout_s
        first = cache()
        self.ground = Ground(first.path, first.manifest)
        self._pages = Pages(self.ground.cache, _PICTURES_BYTES)
        self._map, self._history = json.dumps(self.ground.facts()), History()
        self._start_ns = told().estimate.t_ns
        self._document: dict[str, Any] = {}
        self._document_s = -math.inf
        self._now, self._status_part, self._pictures_part = "null", _Part(), _Part()
        self._pictured: Scene | None = None
        self._pictured_s = self._status_s = -math.inf

    def status(self) -> Mapping[str, Any]:
        """The status document, at most a second old."""
        now_s = time.monotonic()
        if now_s - self._document_s >= STATUS_S:
            self._document, self._document_s = self._status(), now_s
        return self._document

    def status_text(self) -> str:
        """The same as JSON."""
        return _json(self.status())

    def keep(self) -> None:
        """Take over what was said of frames: to be called often, whether somebody watches or not."""
        waiting = self._onlooker.estimates
        while waiting:
            row = frame_row(waiting.popleft(), self._start_ns, self.ground.pixel_from_geo)
            self._history.add(_json(row))

    def turn(self) -> None:
        """Make what is told next. Raises CacheError where the map was changed and the new one cannot be read."""
        self._follow_the_map()
        told = self._told()
        row = frame_row(told.estimate, self._start_ns, self.ground.pixel_from_geo)
        self._now = _json({**row, "why": told.why})
        now_s = time.monotonic()
        if now_s - self._status_s >= STATUS_S:
            self._status_s = now_s
            self._status_part = _Part(self._status_part.number + 1, self._summary(now_s))
        scene = self._onlooker.scene
        if scene is not None and scene is not self._pictured and now_s - self._pictured_s >= PICTURES_S:
            self._pictured, self._pictured_s = scene, now_s
            self._pictures_part = _Part(self._pictures_part.number + 1, self._pictures_text(scene))

    def message(self, seen: Seen) -> str:
        """What a client has not been told yet, as JSON; notes that it is now."""
        parts = {"now": self._now}
        if seen.frame < 0:
            parts["reset"] = "true"
        if seen.map != self.ground.key:
            parts["map"] = self._map
        newest, lines = self._history.since(max(0, seen.frame), MOST_FRAMES)
        if lines:
            parts["frames"] = f"[{','.join(lines)}]"
        if seen.status != self._status_part.number:
            parts["status"] = self._status_part.text
        if seen.pictures != self._pictures_part.number:
            parts["pictures"] = self._pictures_part.text
        seen.frame, seen.map = newest, self.ground.key
        seen.status, seen.pictures = self._status_part.number, self._pictures_part.number
        return "{" + ",".join(f'"{name}":{text}' for name, text in parts.items()) + "}"

    def close(self) -> None:
        """Close the map."""
        self.ground.close()

    def _follow_the_map(self) -> None:
        cache = self._cache()
        if self.ground.follow(cache.path, cache.manifest):
            self._pages = Pages(self.ground.cache, _PICTURES_BYTES)
            self._map = json.dumps(self.ground.facts())

    def _summary(self, now_s: float) -> str:
        status = self.status()
        fusion, latency = status["publishing"]["fusion"], status["timings"].get("exposure to message", {})
        recent = [
            {"ageS": round(now_s - said.t_s, 1), "topic": said.topic, "text": said.text, "bad": said.bad}
            for said in reversed(self._recent())
        ]
        return _json(
            {
                "rows": status_rows(status),
                "warnings": warnings(status, self._frame_timeout_s),
                "recent": recent,
                "paused": status["publishing"]["paused"],
                "fusion": fusion["state"],
                "cameraAgeS": status["camera"]["age_s"],
                "latencyP95Ms": latency.get("p95_ms"),
                "links": [link["connected"] for link in status["links"]],
            }
        )

    def _pictures_text(self, scene: Scene) -> str:
        frame = self._pages.picture(None if scene.frame is None else scene.frame.image)
        pictures = self._pages.page(frame, scene.look, scene.estimate)
        return _json({"name": scene.estimate.name, **(pictures_row(pictures, self.ground.pixel_from_geo) or {})})


def _json(value: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except ValueError:  # rare, and looking for it every time would cost more than all else
        return json.dumps(_sayable(value), allow_nan=False, separators=(",", ":"))


def _sayable(value: Any) -> Any:
    """The same with null for what JSON cannot say."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _sayable(each) for key, each in value.items()}
    return [_sayable(each) for each in value] if isinstance(value, list | tuple) else value
