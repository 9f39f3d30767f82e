"""Which flight recorder a configuration asks for."""

from __future__ import annotations

from pathlib import Path

from uavloc.logs.recording import Recorder
from uavloc.onboard.opening import Opening
from uavloc.onboard.recording import FlightRecorder, NoRecorder
from uavloc.replay.keeping import flight_facts


def recorder_of(opening: Opening, start_ns: int) -> FlightRecorder:
    """The recorder of a flight that begins now; raises UavlocError where its folder cannot be written to."""
    config = opening.config
    if not config.recorder.folder:
        return NoRecorder()
    camera = Path(config.mission.camera).read_text(encoding="utf-8")
    facts = flight_facts(config, camera, opening.cache, opening.encoder, opening.start, opening.takeoff)
    return Recorder(config.recorder, Path(config.recorder.folder), facts, start_ns)
