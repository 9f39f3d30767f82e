"""A recorded flight through the Localizer: events in, estimates out, files and figures beside them.

The truth, where there is one, is read for the figures and the picture; the Localizer never sees it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from uavloc import __version__
from uavloc.album import Album
from uavloc.camera import CameraModel, load_camera
from uavloc.config import Config, dump_config, load_config
from uavloc.encode import load_engine
from uavloc.errors import InputError, StoppedError, UavlocError, UsageError
from uavloc.evaluate import Metrics, evaluate, write_errors, write_metrics
from uavloc.files import write_atomic
from uavloc.flightreport import write_report
from uavloc.keeping import Keeper, Watched, check_record
from uavloc.localizer import Localizer
from uavloc.logs import camera_path, load_truth
from uavloc.logs.flight import RATE_HZ, Sources, open_flight
from uavloc.logs.gnss import truth_at
from uavloc.logs.joined import Joined
from uavloc.logs.recording import FlightFacts, Recording
from uavloc.logs.timesync import Sync
from uavloc.mapage import map_age_years
from uavloc.memory import peak_rss_bytes
from uavloc.mount import mount_advice
from uavloc.publish import FILES
from uavloc.publish.track_png import draw_track
from uavloc.publish.tum import write_tum_truth
from uavloc.repetition import Repetition, recorded_camera, recorded_config, recorded_start, recorded_takeoff, repetition
from uavloc.runadvice import Heard, advice, check_start
from uavloc.runfacts import RunFacts, config_text
from uavloc.stalemap import write_stale
from uavloc.staleness import StaleBlock
from uavloc.starttext import point_text, start_text
from uavloc.tiles import TileCache
from uavloc.trackmap import map_under, square_around
from uavloc.types import Encoder, Estimate, GeoPoint, LogReader, Outcome, Progress, Publisher, Start, Truth

TRUTH_OF_LOG = "log"
"""What `--truth` takes in place of a file where the log itself holds it."""
CONFIG, METRICS, PICTURE, STALE = "config.toml", "metrics.json", "track.png", "stale.geojson"
REPORT, TRUTH, ERRORS = "report.html", "truth.tum", "errors.csv"

_log = logging.getLogger(__name__)


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
class Result:
    """What came of a replay."""

    out: Path
    estimates: list[Estimate]
    metrics: Metrics | None
    stale: Sequence[StaleBlock] = ()
    repetition: Repetition | None = None
    advice: Sequence[str] = ()
    sync: Sync | None = None

    @property
    def outcomes(self) -> Counter[Outcome]:
        """How many frames ended in which way."""
        return Counter(estimate.outcome for estimate in self.estimates)

    @property
    def published(self) -> int:
        """How many frames have a position."""
        return sum(estimate.point is not None for estimate in self.estimates)

    @property
    def fixes(self) -> int:
        """How many frames gave an accepted absolute fix."""
        return sum(estimate.fix is not None for estimate in self.estimates)


def run_replay(job: Job, progress: Progress) -> Result:
    """Replay a log on a cache and write everything a replay writes into `job.out`; raises UavlocError.

    All input is checked before the first file is written. Interrupted, the estimates so far stay in `estimates.csv`.
    """
    setup = _setup(job)
    config, camera, start = setup.config, setup.camera, setup.start
    truth = None if job.truth is None else load_truth(job.truth)
    reader = open_flight(job.sources, (camera.width_px, camera.height_px))
    heard = Heard(reader)
    engine = config.engine
    encoder = load_engine(engine.name, engine.threads, engine.provider, engine.precision)
    with TileCache.open(job.cache, encoder, config.cache.public_key) as cache:
        if isinstance(job.start, Start):
            check_start(job.start, cache)
        album = Album(cache, len(reader)) if job.report else None
        on_look = None if album is None else album.look
        localizer = Localizer(cache, encoder, camera, config, start, setup.takeoff, on_look)
        _warn_about_start(start, cache)
        _warn_about_takeoff(setup.takeoff, cache)
        _prepare(job)
        facts = _facts(job, setup, cache, encoder)
        write_atomic(job.out / CONFIG, config_text(config, facts).encode())
        keeper = None if job.record is None else Keeper(job.record, _flight_facts(setup, cache, encoder))
        watching = [watcher for watcher in (album, keeper) if watcher is not None]
        watched = Watched(heard, [watcher.event for watcher in watching])
        estimates = _published(watched, localizer, watching, job.out, progress)
        if job.truth_of_log:
            truth = truth_at(reader.positions(), [(each.t_ns, each.name) for each in estimates], job.log)
        flown = _of_frames(truth, estimates) if truth is not None else []
        told = advice(heard, estimates, flown, cache)
        under = map_under(cache, _places(estimates, flown, start))
        draw_track(*under, estimates, flown, job.out / PICTURE)
        ground = map_under(cache, square_around(_places(estimates, flown, start))) if job.report else under
        again = repetition(reader, estimates, config, cache, encoder) if isinstance(reader, Recording) else None
    _warn_about_age(estimates, cache, config)
    stale = localizer.stale()
    if stale:
        write_stale(job.out / STALE, stale)
    metrics = None if truth is None else evaluate(estimates, truth, peak_rss_mb())
    if metrics is not None:
        write_metrics(job.out / METRICS, metrics)
        write_errors(job.out / ERRORS, estimates, flown)
        write_tum_truth(job.out / TRUTH, flown, estimates)
    mount = localizer.mount()
    remark = None if mount is None else mount_advice(camera, mount, config.filter.mount_std_deg)
    said = [*told] if remark is None else [*told, f"the camera {remark}"]
    sync = reader.sync if isinstance(reader, Joined) else None
    if album is not None:
        path, text = job.out / REPORT, dump_config(config)
        write_report(path, facts, text, ground, estimates, flown, metrics, album, said)
    return Result(job.out, estimates, metrics, stale, again, said, sync)


def replay(
    reader: LogReader, localizer: Localizer, publishers: Sequence[Publisher], progress: Progress
) -> list[Estimate]:
    """Drive a localizer with the events of a log and publish every estimate; the publishers stay open.

    Raises StoppedError on Ctrl-C.
    """
    estimates: list[Estimate] = []
    try:
        for event in reader.events():
            estimate = localizer.handle(event)
            if estimate is None:
                continue
            for publisher in publishers:
                publisher.publish(estimate)
            estimates.append(estimate)
            progress(len(estimates), len(reader))
    except KeyboardInterrupt:
        raise StoppedError(f"interrupted after {len(estimates)} of {len(reader)} frames") from None
    return estimates


def peak_rss_mb() -> float:
    """Most memory this process has held, in MB (2^20 bytes)."""
    return peak_rss_bytes() / (1 << 20)


@dataclass(frozen=True)
class _Setup:
    """What a log is flown with: as the user says, or else as the log does."""

    config: Config
    camera: CameraModel
    camera_file: Path | None
    camera_text: str
    start: Start | None
    takeoff: GeoPoint | None


def _setup(job: Job) -> _Setup:
    start = None if job.start == "none" else job.start
    if not Recording.accepts(job.log):
        config, camera_file = load_config(job.config), _camera_file(job)
        camera = load_camera(camera_file)
        return _Setup(config, camera, camera_file, _text(camera_file), start, job.takeoff)
    facts = Recording.read_facts(job.log)
    return _Setup(
        load_config(job.config) if job.config else recorded_config(facts, job.log),
        load_camera(job.camera) if job.camera else recorded_camera(facts, job.log),
        job.camera,
        _text(job.camera) if job.camera else facts.camera,
        start if job.start else recorded_start(facts, job.log),
        job.takeoff or recorded_takeoff(facts, job.log),
    )


def _camera_file(job: Job) -> Path:
    brought = [camera_path(place) for place in (job.log, job.pictures) if place is not None]
    path = job.camera or next(filter(None, brought), None)
    if path is None and not job.log.exists():
        raise InputError(f"{job.log}: no such file or folder")
    if path is None:
        raise InputError(f"{job.log}: brings no camera.json: name one with --camera")
    return path


def _text(path: Path) -> str:
    """A file that was read before."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error


def _warn_about_start(start: Start | None, cache: TileCache) -> None:
    if start is None:
        if cache.manifest.index is None:
            _log.warning("%s: has no index of regions: without a start every frame will be LOST", cache.path)
    elif not cache.covers(start.point):
        west, south, east, north = cache.manifest.region_bounds_deg
        _log.warning(
            "start: %.6f,%.6f lies off the cache %s (W,S,E,N %.6f,%.6f,%.6f,%.6f): no frame is found there",
            start.point.lat_deg, start.point.lon_deg, cache.path, west, south, east, north,
        )  # fmt: skip


def _warn_about_age(estimates: Sequence[Estimate], cache: TileCache, config: Config) -> None:
    dates = [source.date for source in cache.manifest.sources]
    years = map_age_years(dates, estimates[0].t_ns) if estimates else None
    if years is not None and years > config.evidence.old_map_years:
        _log.warning(
            "%s: %.1f years lie between its oldest pictures and the flight: expect fewer fixes", cache.path, years
        )


def _warn_about_takeoff(takeoff: GeoPoint | None, cache: TileCache) -> None:
    if takeoff is not None and cache.terrain_at(takeoff) is None:
        _log.warning(
            "take-off: %s has no terrain at %.6f,%.6f: heights over take-off are taken for heights above ground",
            cache.path, takeoff.lat_deg, takeoff.lon_deg,
        )  # fmt: skip


def _prepare(job: Job) -> None:
    """Make the folder, and take away what an earlier replay left, so that nothing in it belongs to another run."""
    out = job.out
    if job.record is not None:
        check_record(job.record)
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: is a file; --out names a folder")
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in (*FILES, CONFIG, METRICS, PICTURE, STALE, REPORT, TRUTH, ERRORS):
            (out / name).unlink(missing_ok=True)
    except OSError as error:
        raise UavlocError(f"{out}: cannot write: {error.strerror}") from error


def _facts(job: Job, setup: _Setup, cache: TileCache, encoder: Encoder) -> RunFacts:
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


def _flight_facts(setup: _Setup, cache: TileCache, encoder: Encoder) -> FlightFacts:
    return FlightFacts(
        version=__version__,
        config=dump_config(setup.config),
        camera=setup.camera_text,
        cache_digest=cache.manifest.content_digest,
        engine=encoder.name,
        engine_identity=encoder.identity,
        start=start_text(setup.start),
        takeoff="" if setup.takeoff is None else point_text(setup.takeoff),
    )


def _published(
    reader: LogReader, localizer: Localizer, watching: Sequence[Publisher], out: Path, progress: Progress
) -> list[Estimate]:
    """The estimates of a log, written to every file format; interrupted, the files hold what there is."""
    try:
        with ExitStack() as closing:
            publishers: list[Publisher] = [*watching]
            for watcher in watching:
                closing.callback(watcher.close)
            for name, make in FILES.items():
                publisher = make(out / name)
                closing.callback(publisher.close)
                publishers.append(publisher)
            return replay(reader, localizer, publishers, progress)
    except StoppedError as stopped:
        raise StoppedError(f"{stopped}; {out / 'estimates.csv'} keeps them") from None


def _of_frames(truth: Sequence[Truth], estimates: Sequence[Estimate]) -> list[Truth]:
    """The true positions of the frames that were replayed."""
    names = {estimate.name for estimate in estimates}
    return [row for row in truth if row.name in names]


def _places(estimates: Sequence[Estimate], truth: Sequence[Truth], start: Start | None) -> list[GeoPoint]:
    """What the picture has to show: where the vehicle was, or else where it was said to start."""
    places = [estimate.point for estimate in estimates if estimate.point is not None] + [row.point for row in truth]
    return places or ([start.point] if start else [])
