"""Built TensorRT plans on disk. A plan belongs to one TensorRT version, one kind of GPU, one model and its shapes.

A file is a header (a magic line, and a line of JSON with the key, the size and the hash of the plan) and the plan. What
does not match is built again: a plan is only ever a cache.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from uavloc.errors import EngineError, UavlocError
from uavloc.files import write_atomic

_log = logging.getLogger(__name__)

_MAGIC = b"uavloc plan 1\n"
_MAX_HEADER_BYTES = 4096
_MAX_PLAN_BYTES = 4 << 30
_OLDEST, _TOO_NEW = (10, 3), (11,)

Loaded = TypeVar("Loaded")


@dataclass(frozen=True, slots=True)
class PlanKey:
    """All that a plan depends on; `compute` is the compute capability as "8.7", `shapes` the profile in words."""

    tensorrt: str
    compute: str
    model_sha256: str
    precision: str
    shapes: str


def check_version(version: str) -> None:
    """Raise EngineError unless a TensorRT of this version is one we can drive: 10.3 or newer, older than 11."""
    try:
        numbers = tuple(int(part) for part in version.split(".")[:2])
    except ValueError:
        raise EngineError(f"TensorRT {version}: not a version number") from None
    if not _OLDEST <= numbers < _TOO_NEW:
        raise EngineError(
            f"TensorRT {version}: versions from 10.3 to before 11 are supported (JetPack 6 and 7 bring one)"
        )


def plan_folder() -> Path:
    """Where plans are kept: below XDG_CACHE_HOME, by default ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "uavloc" / "plans"


def plan_path(folder: Path, name: str, key: PlanKey) -> Path:
    """The file of a plan; another key has another file."""
    digest = hashlib.sha256(json.dumps(asdict(key), sort_keys=True).encode()).hexdigest()
    return folder / f"{name}-{key.precision}-{digest[:20]}.plan"


def ready_plan(path: Path, key: PlanKey, build: Callable[[], bytes], load: Callable[[bytes], Loaded | None]) -> Loaded:
    """What `load` makes of the stored plan, or of a newly built one where it is missing, damaged or not accepted.

    Raises EngineError when even a new plan is not accepted. A plan that cannot be kept is used all the same.
    """
    stored = stored_plan(path, key)
    loaded = None if stored is None else load(stored)
    if loaded is not None:
        return loaded
    if stored is not None:
        _log.warning("%s: TensorRT does not accept this plan: built again", path)
    plan = build()
    loaded = load(plan)
    if loaded is None:
        raise EngineError("TensorRT does not accept the plan that it has just built")
    _keep(path, key, plan)
    return loaded


def store_plan(path: Path, key: PlanKey, plan: bytes) -> None:
    """Write a plan with its header, whole or not at all; raises UavlocError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UavlocError(f"{path.parent}: cannot write: {error.strerror}") from error
    write_atomic(path, _MAGIC + _header(key, plan) + plan)


def stored_plan(path: Path, key: PlanKey) -> bytes | None:
    """The plan in a file; None where there is none, and with a warning where it is damaged or of another key."""
    try:
        return _read_plan(path, key)
    except FileNotFoundError:
        return None
    except OSError as error:
        _log.warning("%s: cannot be read (%s): built again", path, error.strerror)
    except ValueError as error:
        _log.warning("%s: %s: built again", path, error)
    return None


def _read_plan(path: Path, key: PlanKey) -> bytes:
    """The plan behind a header that fits; raises ValueError saying what is wrong with it."""
    if path.stat().st_size > _MAX_PLAN_BYTES:
        raise ValueError("is too large")
    with path.open("rb") as file:
        if file.readline(_MAX_HEADER_BYTES) != _MAGIC:
            raise ValueError("is no plan of this program")
        header, plan = file.readline(_MAX_HEADER_BYTES), file.read()
    if header != _header(key, plan):
        raise ValueError("is damaged, or was built for something else")
    return plan


def _header(key: PlanKey, plan: bytes) -> bytes:
    facts = {**asdict(key), "size": len(plan), "sha256": hashlib.sha256(plan).hexdigest()}
    return json.dumps(facts, sort_keys=True).encode() + b"\n"


def _keep(path: Path, key: PlanKey, plan: bytes) -> None:
    try:
        store_plan(path, key, plan)
    except UavlocError as error:
        _log.warning("%s: the plan is not kept and will be built at every start", error)
