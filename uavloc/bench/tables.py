"""Measurements as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from uavloc.bench.pairs import SUCCESS_PX, WRONG_PX
from uavloc.bench.retrieval import HEADING_DEG, POSITIVE_M
from uavloc.bench.singleframe import PRIOR_ERROR_M, SEARCH_M
from uavloc.types import FALSE_ERROR_M

Say = Callable[[Any], str]


@dataclass(frozen=True)
class Column:
    """A key of the rows, its heading, and how a value is said."""

    key: str
    heading: str
    say: Say = str


def count(value: int | float | None) -> str:
    """A whole number."""
    return "-" if value is None else f"{value:.0f}"


def percent(share: float | None) -> str:
    """A share."""
    return "-" if share is None else f"{100.0 * share:.1f} %"


def number(value: float | None) -> str:
    """A measured value with two decimals."""
    return "-" if value is None else f"{value:.2f}"


SINGLE_FRAME = (
    Column("flight", "flight"),
    Column("map", "map"),
    Column("height_factor", "height x", lambda factor: f"{factor:.3g}"),
    Column("method", "method"),
    Column("frames", "frames", count),
    Column("answered", "answered", count),
    Column("a_5m", "5 m", percent),
    Column("a_10m", "10 m", percent),
    Column("a_25m", "25 m", percent),
    Column("median_m", "median m", number),
    Column("wrong", f"wrong > {FALSE_ERROR_M:.0f} m", count),
    Column("ms", "ms per frame", count),
)
PAIRS = (
    Column("method", "method"),
    Column("pairs", "pairs", count),
    Column("answered", "answered", count),
    Column("success", f"within {SUCCESS_PX:.0f} px", count),
    Column("median_px", "median px", number),
    Column("wrong", f"wrong > {WRONG_PX:.0f} px", count),
    Column("ms", "ms per pair", count),
)
RETRIEVAL = (
    Column("flight", "flight"),
    Column("map", "map"),
    Column("method", "method"),
    Column("queries", "queries", count),
    Column("recall_1", "R@1", percent),
    Column("recall_5", "R@5", percent),
    Column("recall_10", "R@10", percent),
    Column("dis_5_m", "Dis@5 m", count),
    Column("sdm_5", "SDM@5", number),
    Column("rva_points", "recall in area", lambda points: ", ".join(f"{percent(r)} in {a:g} km2" for a, r in points)),
    Column("ms", "ms per query", count),
)
SPEED = (
    Column("engine", "engine"),
    Column("provider", "provider"),
    Column("precision", "precision"),
    Column("side_px", "side px", count),
    Column("encode_min_ms", "best ms", number),
    Column("encode_median_ms", "median ms", number),
    Column("gflop", "GFLOP", lambda gflop: "-" if gflop is None else f"{gflop:.3g}"),
    Column("gflops", "GFLOP/s", number),
    Column("matmul_gflops", "matrix product GFLOP/s", number),
)
FRAME_SPEED = (
    Column("engine", "engine"),
    Column("phase", "phase"),
    Column("km2", "km2", lambda km2: f"{km2:.3g}"),
    Column("windows", "windows", count),
    Column("frames", "frames", count),
    Column("p50_ms", "median ms", count),
    Column("p95_ms", "95 % ms", count),
    Column("cpu_ms", "processor ms", count),
    Column("fps", "frames per s", number),
    Column("open_s", "opened in s", number),
    Column("rss_mb", "memory, MB", count),
    Column(
        "stages_ms",
        "medians of the stages, ms",
        lambda stages: ", ".join(f"{name} {count(ms) if ms >= 1.0 else '<1'}" for name, ms in stages.items()),
    ),
)
BESIDE = (
    Column("method", "method"),
    Column("frames", "frames", count),
    Column("answered", "answered", count),
    Column("a_10m", "10 m", percent),
    Column("a_25m", "25 m", percent),
    Column("wrong", f"wrong > {FALSE_ERROR_M:.0f} m", count),
    Column("ms", "median ms", count),
    Column("ms_p95", "95 % ms", count),
    Column("cpu_ms", "processor ms", count),
)
START_UP = (
    Column("what", "what"),
    Column("best_s", "best s", number),
    Column("median_s", "median s", number),
    Column("cpu_s", "processor s", number),
    Column("rss_mb", "memory, MB", count),
)
BUILD = (
    Column("engine", "engine"),
    Column("map", "map"),
    Column("workers", "workers"),
    Column("km2", "km2", number),
    Column("tiles", "tiles", count),
    Column("seconds", "seconds", count),
    Column("cpu_s", "core seconds", count),
    Column("km2_per_min", "km2 per min", number),
    Column("km2_per_core_min", "and core", number),
    Column("mb_per_km2", "MB per km2", number),
    Column("rss_mb", "memory, MB", count),
    Column("worker_rss_mb", "per worker", count),
)
FAULTS = (
    Column("flight", "flight"),
    Column("map", "map"),
    Column("method", "method"),
    Column("fault", "fault"),
    Column("fault_s", "from, to s", lambda span: "-" if span is None else f"{span[0]:.0f}, {span[1]:.0f}"),
    Column("attempted", "frames", count),
    Column("availability", "published", percent),
    Column("a_10m", "10 m", percent),
    Column("false_positions", f"false > {FALSE_ERROR_M:.0f} m", count),
    Column("max_error_m", "max error m", number),
    Column("published_share", "published meanwhile", percent),
    Column("recovery_s", "right again after s", number),
)
LOG_ODDS = (
    Column("runs", "runs"),
    Column("log_odds", "log odds at least", lambda least: "any" if least is None else f"{least:g}"),
    Column("availability", "published", percent),
    Column("false_positions", f"false > {FALSE_ERROR_M:.0f} m", count),
    Column("false_rate", "of the published", percent),
    Column("beyond_protection", "beyond protection level", percent),
)
ALERT_LIMITS = (
    Column("runs", "runs"),
    Column("alert_limit_m", "alert limit m", count),
    Column("availability", "available", percent),
    Column("misleading", "misleading", count),
    Column("misleading_rate", "of the available", percent),
)


def table(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as a Markdown table."""
    lines = [[column.heading for column in columns], ["---"] * len(columns)]
    lines += [[column.say(row[column.key]) for column in columns] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def accuracy_markdown(document: Mapping[str, Any]) -> str:
    """The document of `measure_accuracy` for people."""
    parts = []
    if document.get("single_frame"):
        parts += ["## Single frame\n", _single_frame_words(document), table(SINGLE_FRAME, document["single_frame"])]
    if document.get("pairs"):
        words = "Unknown turn, same scale; errors of the camera picture's centre, in pixels of the reference.\n"
        parts += ["## Pairs\n", words, table(PAIRS, document["pairs"])]
    if document.get("retrieval"):
        words = (
            f"The whole map, heading within {HEADING_DEG:.0f} degrees; right is a region within {POSITIVE_M:.0f} m.\n"
        )
        parts += ["## Retrieval\n", words, table(RETRIEVAL, document["retrieval"])]
    if document.get("integrity"):
        found = document["integrity"]
        parts += ["## Faults in flight\n", table(FAULTS, found["faults"])]
        parts += ["## Positions by log odds\n", table(LOG_ODDS, found["by_log_odds"])]
        parts += ["## Positions by protection level\n", table(ALERT_LIMITS, found["by_alert_limit"])]
    return "\n".join(parts)


def speed_markdown(document: Mapping[str, Any]) -> str:
    """The document of `bench speed` for people."""
    parts = [document["machine"] + "\n"]
    for key, heading, columns in (
        ("encode", "Encoding, one picture on one thread", SPEED),
        ("frame", "A frame in flight", FRAME_SPEED),
        ("beside", "One frame alone, beside other ways", BESIDE),
        ("start_up", "Starting", START_UP),
    ):
        if document.get(key):
            parts += [f"## {heading}\n", table(columns, document[key])]
    return "\n".join(parts)


def build_markdown(document: Mapping[str, Any]) -> str:
    """The document of `bench build` for people."""
    return "\n".join(["## Building a cache\n", table(BUILD, document["build"])])


def _single_frame_words(document: Mapping[str, Any]) -> str:
    every = document["every"]
    said = f"{'Every frame' if every == 1 else f'One frame in {every}'}, alone: "
    said += f"prior off by up to {PRIOR_ERROR_M:.0f} m north and east (seed {document['seed']}), "
    said += f"search {SEARCH_M:.0f} m around it. Shares are of all frames.\n"
    error = document["height_error"]
    if error > 0.0:
        said += f"The height is wrong by a factor of {1 + error:.3g}; the search over scale is widened to reach it.\n"
    return said
