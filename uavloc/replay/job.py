"""What is replayed, and with what: as the user says, or else as the log does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from uavloc.camera import CameraModel, load_camera
from uavloc.config import Config, load_config
from uavloc.errors import InputError
from uavloc.logs.flight import RATE_HZ, Sources
from uavloc.logs.recording import Recording
from uavloc.replay.completeness import camera_of_complete
from uavloc.replay.facts import RunFacts
from uavloc.replay.repetition import recorded_camera, recorded_config, recorded_start, recorded_takeoff
from uavloc.tiles import TileCache
from uavloc.types import Encoder, GeoPoint, Start

TRUTH_OF_LOG = "log"
"""What `--truth` takes in place of a file where the log itself holds it."""


@dataclass(frozen=True)
class Job:
    """What to replay: files as the user names them; None is the default that the log or the program brings.

    With `truth_of_log` the truth is what GNSS measured, in place of `truth`.
    """

    log: Path
    cache: Path
    out: Path
    camera: Path | None = None
    config: Path | None = None
    truth: Path | None = None
    start: Start | Literal["none"] | None = None
    takeoff: GeoPoint | None = None
    pictures: Path | None = None
    sync: float | Literal["auto"] = "auto"
    rate_hz: float = RATE_HZ
    topics: tuple[str, ...] = ()
    truth_of_log: bool = False
    report: bool = False
    record: Path | None = None

    @property
    def sources(self) -> Sources:
        """The files of the flight."""
        return Sources(self.log, self.pictures, self.sync, self.rate_hz, self.topics)


@dataclass(frozen=True)
class Setup:
    """What a log is flown with: as the user says, or else as the log does."""

    config: Config
    camera: CameraModel
    camera_file: Path | None
    camera_text: str
    start: Start | None
    takeoff: GeoPoint | None


def setup_of(job: Job) -> Setup:
    """What a job is flown with; raises UavlocError for files that cannot be read or say what cannot be."""
    start = None if job.start == "none" else job.start
    camera_file = camera_of_complete(job.sources, job.camera, job.cache, job.out)
    if camera_file is not None:
        config, camera = load_config(job.config), load_camera(camera_file)
        return Setup(config, camera, camera_file, _text(camera_file), start, job.takeoff)
    facts = Recording.read_facts(job.log)
    return Setup(
        load_config(job.config) if job.config else recorded_config(facts, job.log),
        load_camera(job.camera) if job.camera else recorded_camera(facts, job.log),
        job.camera,
        _text(job.camera) if job.camera else facts.camera,
        start if job.start else recorded_start(facts, job.log),
        job.takeoff or recorded_takeoff(facts, job.log),
    )


def _text(path: Path) -> str:
    """A file that was read before."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error


def run_facts(job: Job, setup: Setup, cache: TileCache, encoder: Encoder) -> RunFacts:
    """What a result follows from, for the files beside it."""
    return RunFacts(
        log=job.log,
        cache=job.cache,
        content_digest=cache.manifest.content_digest,
        engine=encoder.name,
        engine_identity=encoder.identity,
        camera=setup.camera_file,
        start=setup.start,
        takeoff=setup.takeoff,
        truth=Path(TRUTH_OF_LOG) if job.truth_of_log else job.truth,
        sources=job.sources,
        out=job.out,
    )
