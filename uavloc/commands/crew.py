"""The options that say who does the work of a build."""

from __future__ import annotations

import argparse
from functools import partial

from uavloc.commands.words import whole_number_in
from uavloc.crew import MAX_WORKERS
from uavloc.errors import UsageError


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add `--workers` and `--scheduler`."""
    parser.add_argument(
        "--workers", type=partial(whole_number_in, 1, MAX_WORKERS, field="N"), metavar="N",
        help="so many processes on this machine, one core each, do the work; the content is the same (default: this "
        "process alone, with all cores where the engine can use them). See docs/scale.md",
    )  # fmt: skip
    parser.add_argument(
        "--scheduler", metavar="ADDRESS",
        help="the workers of a Dask cluster do the work: address of its scheduler, tcp://HOST:PORT. Trust it: it runs "
        "programs here and there",
    )  # fmt: skip


def check_workers(arguments: argparse.Namespace) -> None:
    """Raise UsageError where both are given."""
    if arguments.workers is not None and arguments.scheduler is not None:
        raise UsageError("--workers, --scheduler: the work is done here or there: keep one")
