"""Which flight recorder a configuration asks for."""

from __future__ import annotations

from pathlib import Path

from uavloc import __version__
from uavloc.config import dump_config
from uavloc.logs.recording import FlightFacts, Recorder
from uavloc.onboard.opening import Opening
from uavloc.onboard.recording import FlightRecorder, NoRecorder
from uavloc.starttext import point_text, start_text


def recorder_of(opening: Opening, start_ns: int) -> FlightRecorder:
    """The recorder of a flight that begins now; raises UavlocError where its folder cannot be written to."""
    config = opening.config
    if not config.recorder.folder:
        return NoRecorder()
    facts = FlightFacts(
        __version__,
        dump_config(config),
        Path(config.mission.camera).read_text(encoding="utf-8"),
        opening.cache.manifest.content_digest,
        opening.encoder.name,
        opening.encoder.identity,
        start_text(opening.start),
        point_text(opening.takeoff) if opening.takeoff else "",
    )
    return Recorder(config.recorder, Path(config.recorder.folder), facts, start_ns)
