"""A recording flown again: with what it was flown with, unless told otherwise, and whether it gives the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uavloc import __version__
from uavloc.camera import CameraModel, camera_from_dict
from uavloc.config import Config, config_from_text, dump_config
from uavloc.errors import InputError, UsageError
from uavloc.logs.recording import FlightFacts, Recording
from uavloc.logs.recording.messages import estimate_json, what_repeats
from uavloc.starttext import point_from_text, start_from_text
from uavloc.tiles import TileCache
from uavloc.types import Encoder, Estimate, GeoPoint, Start


@dataclass(frozen=True)
class Repetition:
    """How many of the recorded estimates came again bit for bit, and why not all.

    `unanswered` frames were taken and recorded, but the flight has no estimate of them.
    """

    same: int
    recorded: int
    first_other: str
    reasons: tuple[str, ...]
    unanswered: int = 0

    @property
    def words(self) -> str:
        """The same as a sentence."""
        more = f"; {self.unanswered} more it had not answered yet when it ended" if self.unanswered else ""
        return self._compared + more

    @property
    def _compared(self) -> str:
        if self.same == self.recorded:
            return f"all {self.recorded} estimates of the flight, bit for bit"
        why = "; ".join(self.reasons) or "this machine computes otherwise (processor, threads, library versions)"
        return f"{self.same} of {self.recorded} estimates of the flight; from frame {self.first_other} on others: {why}"


def recorded_config(facts: FlightFacts, where: Path) -> Config:
    """The configuration that was flown; raises ConfigError."""
    return config_from_text(facts.config, f"{where}: recorded configuration")


def recorded_camera(facts: FlightFacts, where: Path) -> CameraModel:
    """The camera that was flown; raises InputError."""
    try:
        content = json.loads(facts.camera)
    except ValueError as error:
        raise InputError(f"{where}: recorded camera: not JSON: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{where}: recorded camera: must be a JSON object")
    return camera_from_dict(content, f"{where}: recorded camera")


def recorded_start(facts: FlightFacts, where: Path) -> Start | None:
    """Where the flight was said to begin; raises InputError."""
    try:
        return start_from_text(facts.start)
    except UsageError as error:
        raise InputError(f"{where}: recorded start: {error}") from error


def recorded_takeoff(facts: FlightFacts, where: Path) -> GeoPoint | None:
    """Where heights over take-off counted from, if that was known; raises InputError."""
    try:
        return point_from_text(facts.takeoff) if facts.takeoff else None
    except UsageError as error:
        raise InputError(f"{where}: recorded take-off: {error}") from error


def repetition(
    recording: Recording, estimates: Sequence[Estimate], config: Config, cache: TileCache, encoder: Encoder
) -> Repetition:
    """Compare what a replay gave with what the flight gave."""
    again = {estimate.name: what_repeats(estimate_json(estimate)) for estimate in estimates}
    others = [str(flown["name"]) for flown in recording.estimates if again.get(str(flown["name"])) != flown]
    total = len(recording.estimates)
    reasons = _reasons(recording, config, cache, encoder)
    unanswered = len(again.keys() - {str(flown["name"]) for flown in recording.estimates})
    return Repetition(total - len(others), total, others[0] if others else "", reasons, unanswered)


def _reasons(recording: Recording, config: Config, cache: TileCache, encoder: Encoder) -> tuple[str, ...]:
    """What is known to be otherwise than in flight."""
    facts = recording.facts
    compared = (
        (f"flown with uavloc {facts.version}, this is {__version__}", facts.version == __version__),
        ("the cache holds other content", facts.cache_digest == cache.manifest.content_digest),
        (f"flown with engine {facts.engine}, this is {encoder.name}", facts.engine_identity == encoder.identity),
        ("the configuration is another", _numbers(facts.config) == _numbers(dump_config(config))),
    )
    return (*(reason for reason, same in compared if not same), *dict.fromkeys(recording.notes))


def _numbers(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line and not line.startswith("#"))
