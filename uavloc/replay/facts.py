"""The `config.toml` beside a result: the effective configuration, headed by the facts that repeat the run."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from uavloc import __version__
from uavloc.config import Config, dump_config
from uavloc.errors import printable
from uavloc.logs.flight import RATE_HZ, Sources
from uavloc.starttext import point_text, start_text
from uavloc.types import GeoPoint, Start


@dataclass(frozen=True)
class RunFacts:
    """What, besides the configuration, a result follows from."""

    log: Path
    cache: Path
    content_digest: str
    engine: str
    engine_identity: str
    camera: Path | None
    start: Start | None
    takeoff: GeoPoint | None
    truth: Path | None
    out: Path
    sources: Sources | None = None


def config_text(config: Config, facts: RunFacts) -> str:
    """TOML that `--config` takes; the facts are comments."""
    lines = [
        f"uavloc {__version__} replay; this file repeats it:",
        "  " + shlex.join(command(facts)),
        f"cache content: {facts.content_digest}",
        f"engine: {facts.engine} {facts.engine_identity}",
    ]
    return "".join(f"# {printable(line)}\n" for line in lines) + "\n" + dump_config(config)


def command(facts: RunFacts) -> list[str]:
    """The command line that repeats the run, with absolute paths."""
    words = ["uavloc", "replay", _path(facts.log), "--cache", _path(facts.cache)]
    words += [] if facts.camera is None else ["--camera", _path(facts.camera)]
    words += ["--config", _path(facts.out / "config.toml"), "--start", start_text(facts.start)]
    if facts.takeoff is not None:
        words += ["--takeoff", point_text(facts.takeoff)]
    words += [] if facts.truth is None else ["--truth", _truth(facts.truth)]
    words += [] if facts.sources is None else _joined(facts.sources)
    return [*words, "--out", _path(facts.out)]


def _joined(sources: Sources) -> list[str]:
    """Options of a flight of two files, and of pictures that are not all used."""
    words = [] if sources.pictures is None else ["--video", _path(sources.pictures), "--sync", f"{sources.sync}"]
    words += [] if sources.rate_hz == RATE_HZ else ["--rate", f"{sources.rate_hz:g}"]
    return words + [word for topic in sources.topics for word in ("--topic", topic)]


def _truth(path: Path) -> str:
    """A file, or the word for what the log holds."""
    return str(path) if path == Path("log") else _path(path)


def _path(path: Path) -> str:
    return str(path.absolute())
