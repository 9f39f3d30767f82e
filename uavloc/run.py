"""A recorded flight through the Localizer: events in, estimates out, files and figures beside them.

The truth, where there is one, is read for the figures and the picture; the Localizer never sees it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from uavloc.config import dump_config
from uavloc.encode import load_engine
from uavloc.errors import StoppedError, UavlocError, UsageError
from uavloc.evaluate import Metrics, evaluate, write_errors, write_metrics
from uavloc.files import write_atomic
from uavloc.frames import LocalFrame
from uavloc.hypotheses import Look
from uavloc.localizer import Localizer
from uavloc.logs import FlightLog
from uavloc.logs.flight import open_flight
from uavloc.logs.joined import Joined
from uavloc.logs.recording import Recording
from uavloc.logs.timesync import Sync
from uavloc.logs.truth import Finder, TruthFile, finder_in_log, read_truth, truth_of_log
from uavloc.memory import peak_rss_bytes
from uavloc.mount import mount_advice
from uavloc.publish import FILES
from uavloc.publish.track_png import draw_track
from uavloc.publish.tum import write_tum_truth
from uavloc.replay.advice import Heard, advice, check_start, warn_about_age, warn_of_setup
from uavloc.replay.album import Album
from uavloc.replay.facts import config_text
from uavloc.replay.job import Job, run_facts, setup_of
from uavloc.replay.keeping import Keeper, Watched, check_record, flight_facts
from uavloc.replay.page import write_report
from uavloc.replay.repetition import Repetition, repetition
from uavloc.replay.searchareas import SearchAreas
from uavloc.replay.stalemap import write_stale
from uavloc.replay.trackmap import map_under, square_around
from uavloc.staleness import StaleBlock
from uavloc.tiles import TileCache
from uavloc.types import Estimate, GeoPoint, LogReader, Outcome, Progress, Publisher, Start, Truth

CONFIG, METRICS, PICTURE, STALE = "config.toml", "metrics.json", "track.png", "stale.geojson"
REPORT, TRUTH, ERRORS = "report.html", "truth.tum", "errors.csv"


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
    truth_clock: str = ""

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
    setup = setup_of(job)
    config, camera, start = setup.config, setup.camera, setup.start
    reader = open_flight(job.sources, (camera.width_px, camera.height_px))
    scored = _Scored(job, reader)
    heard = Heard(reader)
    engine = config.engine
    encoder = load_engine(engine.name, engine.threads, engine.provider, engine.precision)
    with TileCache.open(job.cache, encoder, config.cache.public_key) as cache:
        if isinstance(job.start, Start):
            check_start(job.start, cache)
        album = Album(cache, len(reader)) if job.report else None
        areas = None if scored.finder is None else SearchAreas(scored.finder)
        shown = [watcher.look for watcher in (album, areas) if watcher is not None]
        localizer = Localizer(cache, encoder, camera, config, start, setup.takeoff, _all(shown))
        warn_of_setup(start, setup.takeoff, cache)
        _prepare(job)
        facts = run_facts(job, setup, cache, encoder)
        write_atomic(job.out / CONFIG, config_text(config, facts).encode())
        kept = flight_facts(config, setup.camera_text, cache, encoder, start, setup.takeoff)
        keeper = None if job.record is None else Keeper(job.record, kept)
        watched = Watched(heard, [watcher.event for watcher in (album, keeper) if watcher is not None])
        watching = [watcher for watcher in (album, keeper, areas) if watcher is not None]
        estimates = _published(watched, localizer, watching, job.out, progress)
        truth = scored.truth(estimates)
        flown = _of_frames(truth, estimates) if truth is not None else []
        told = [*advice(heard, estimates, flown, cache), *localizer.remarks()]
        under = map_under(cache, _places(estimates, flown, start))
        draw_track(*under, estimates, flown, job.out / PICTURE)
        ground = map_under(cache, square_around(_places(estimates, flown, start))) if job.report else under
        again = repetition(reader, estimates, config, cache, encoder) if isinstance(reader, Recording) else None
    warn_about_age(estimates, cache, config.evidence.old_map_years)
    stale = localizer.stale()
    if stale:
        write_stale(job.out / STALE, stale)
    areas_m2 = {} if areas is None else areas.m2
    metrics = None if truth is None else evaluate(estimates, truth, peak_rss_mb(), areas_m2)
    if metrics is not None:
        write_metrics(job.out / METRICS, metrics)
        write_errors(job.out / ERRORS, estimates, flown, areas_m2)
        write_tum_truth(job.out / TRUTH, flown, estimates)
    mount = localizer.mount()
    remark = None if mount is None else mount_advice(camera, mount, config.filter.mount_std_deg)
    said = [*told] if remark is None else [*told, f"the camera {remark}"]
    sync = reader.sync if isinstance(reader, Joined) else None
    if album is not None:
        path, text = job.out / REPORT, dump_config(config)
        write_report(path, facts, text, ground, estimates, flown, metrics, album, said)
    return Result(job.out, estimates, metrics, stale, again, said, sync, scored.clock)


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


class _Scored:
    """The truth of a replay: of a file, the log or nowhere; raises InputError for a file that cannot be of it."""

    def __init__(self, job: Job, reader: FlightLog) -> None:
        self._job, self._reader = job, reader
        self._file: TruthFile | None = None if job.truth is None else read_truth(job.truth)
        self.clock = ""
        """Whose clock the truth is on, where it does not name frames."""
        if self._file is not None and not self._file.by_name:
            first = next(iter(reader.events()), None)
            self.clock = "" if first is None else self._file.clock(first.t_ns)

    @property
    def finder(self) -> Finder | None:
        """What tells the truth of one frame after the other; None where there is none to be had."""
        if self._job.truth_of_log:
            return finder_in_log(self._reader.positions())
        return None if self._file is None else self._file.finder()

    def truth(self, estimates: Sequence[Estimate]) -> list[Truth] | None:
        """That of the frames; None where there is none to be had."""
        frames = [(each.t_ns, each.name) for each in estimates]
        if self._job.truth_of_log:
            return truth_of_log(self._reader.positions(), frames, self._job.log)
        return None if self._file is None else self._file.of(frames)


def _all(looks: Sequence[Callable[[Look, LocalFrame], None]]) -> Callable[[Look, LocalFrame], None] | None:
    """One listener for many; None for none, so that nothing is kept for it."""

    def show(look: Look, local: LocalFrame) -> None:
        for listener in looks:
            listener(look, local)

    return show if looks else None


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
