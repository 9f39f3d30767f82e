"""What the flights of a fleet count up to, by terrain and by kind, and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from uavloc import __version__
from uavloc.bench.fleetflight import START_STD_M, Flown
from uavloc.bench.tables import Column, count, number, percent, table
from uavloc.types import CHI2_95, FALSE_ERROR_M, Encoder

ORDINARY = ("plain", "faults", "no start")
"""Kinds of flights that a position is expected of."""
_FIGURES = (
    Column("flights", "flights", count),
    Column("hours", "hours", number),
    Column("frames", "frames", count),
    Column("availability", "availability", percent),
    Column("a_5m", "5 m", percent),
    Column("a_10m", "10 m", percent),
    Column("cep50_m", "CEP50 m", number),
    Column("cep95_m", "CEP95 m", number),
    Column("false_positions", f"false > {FALSE_ERROR_M:.0f} m", count),
    Column("flights_with_false", "in flights", count),
    Column("first_fix_s", "first fix s", number),
    Column("without_fix", "without fix", count),
    Column("ellipse95_coverage", "coverage", percent),
    Column("nis_mean", "NIS", number),
    Column("ms", "ms per frame", count),
)


def fleet_document(seed: int, encoder: Encoder, flown: Sequence[Flown]) -> dict[str, Any]:
    """The figures of some flights: by terrain those of which a position is expected, by kind all."""
    ordinary = [row for row in flown if row.kind in ORDINARY]
    return {
        "uavloc": __version__,
        "seed": seed,
        "engine": encoder.name,
        "engine_identity": encoder.identity,
        "by_terrain": _grouped(ordinary, "terrain"),
        "by_kind": _grouped(flown, "kind"),
        "all": summary("all", flown),
    }


def _grouped(flown: Sequence[Flown], by: str) -> list[dict[str, Any]]:
    names = dict.fromkeys(getattr(row, by) for row in flown)
    return [summary(name, [row for row in flown if getattr(row, by) == name]) for name in names]


def summary(name: str, flown: Sequence[Flown]) -> dict[str, Any]:
    """A row of the table. Shares are of all frames, errors of the published ones; None where there was nothing.

    `first_fix_s` is the median over the flights that had a fix, `without_fix` how many had none, `ms` the median over
    flights of the median time of a frame.
    """
    frames = sum(row.frames for row in flown)
    errors_m = np.array([error for row in flown for error in row.errors_m], np.float64)
    nis = np.array([value for row in flown for value in row.nis], np.float64)
    first_fix_s = [row.first_fix_s for row in flown if row.first_fix_s is not None]
    return {
        "name": name,
        "flights": len(flown),
        "hours": sum(row.seconds for row in flown) / 3600.0,
        "frames": frames,
        "published": len(errors_m),
        "availability": len(errors_m) / frames if frames else None,
        "a_5m": int(np.sum(errors_m <= 5.0)) / frames if frames else None,
        "a_10m": int(np.sum(errors_m <= 10.0)) / frames if frames else None,
        "cep50_m": float(np.percentile(errors_m, 50)) if len(errors_m) else None,
        "cep95_m": float(np.percentile(errors_m, 95)) if len(errors_m) else None,
        "false_positions": int(np.sum(errors_m > FALSE_ERROR_M)),
        "flights_with_false": sum(max(row.errors_m, default=0.0) > FALSE_ERROR_M for row in flown),
        "first_fix_s": float(np.median(first_fix_s)) if first_fix_s else None,
        "without_fix": len(flown) - len(first_fix_s),
        "ellipse95_coverage": float(np.mean(nis <= CHI2_95)) if len(nis) else None,
        "nis_mean": float(np.mean(nis)) if len(nis) else None,
        "ms": float(np.median([row.ms for row in flown])) if flown else None,
    }


def fleet_markdown(document: Mapping[str, Any]) -> str:
    """The document of `measure_fleet` for people."""
    words = f"Engine {document['engine']}, seed {document['seed']}. "
    words += f"Starts are off by {START_STD_M:.0f} m per axis (1 sigma). Shares are of all frames.\n"
    whole = document["all"]
    total = f"{whole['flights']} flights, {whole['hours']:.2f} hours, {whole['frames']} frames, "
    total += f"{whole['published']} positions, {whole['false_positions']} false ones.\n"
    return "\n".join(
        [
            "## Fleet\n",
            words,
            total,
            f"By terrain, of the kinds {', '.join(ORDINARY)}:\n",
            table((Column("name", "terrain"), *_FIGURES), document["by_terrain"]),
            "By kind:\n",
            table((Column("name", "kind"), *_FIGURES), document["by_kind"]),
        ]
    )
