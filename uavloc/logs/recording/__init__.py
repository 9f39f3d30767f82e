"""The program's own recordings: everything that the localizer was given in flight, and what it said, as MCAP."""

from uavloc.logs.recording.facts import FlightFacts
from uavloc.logs.recording.file import RecordingFile
from uavloc.logs.recording.reader import Recording
from uavloc.logs.recording.recorder import Recorder, lossless

__all__ = ["FlightFacts", "Recorder", "Recording", "RecordingFile", "lossless"]
