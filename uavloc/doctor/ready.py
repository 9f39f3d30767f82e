"""What was made before the mission, opened as in flight: engine, cache to the last byte, camera file, start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from uavloc.doctor.child import Answer
from uavloc.doctor.facts import Facts
from uavloc.doctor.finding import Finding, absent, fail, ok, warn
from uavloc.errors import UavlocError

FIXES: Mapping[str, str] = {
    "engine": "uavloc engine verify NAME tells more; copy the engine anew, or set engine.name",
    "cache": "uavloc verify CACHE tells more; copy it anew, or build it with the engine of the configuration",
    "camera file": "set mission.camera to its camera.json (uavloc camera calibrate)",
    "take-off": "set mission.takeoff to LAT,LON, or leave it empty",
    "publishing": "uavloc control resume while it runs, or remove the file that is named",
    "monitor": "pip install 'uavloc[monitor]' where a package is missing; else mend [monitor] or empty its listen",
    "start": "set mission.start to LAT,LON,STD_M on the map, or build the cache around it",
}


class Check(Facts):
    """One of them: whether it can be flown with (None: another one has to be mended first), and what was said."""

    what: str
    is_ready: bool | None
    said: str


class Ready(Facts):
    """All of them; `damage` is what the bytes of the cache have against them."""

    checks: list[Check]
    damage: str
    engine_fault: str


def look_cache(config: str) -> Ready:
    """Open all that a configuration names, and check every byte of its cache."""
    from uavloc.engine.check import check_engine
    from uavloc.onboard.checking import prepared, publishing
    from uavloc.onboard.opening import Opening
    from uavloc.tiles import verify

    opening = Opening(Path(config))
    found = [*prepared(opening), publishing(opening)]
    ready = {"ok": True, "not checked": None}
    checks = [Check(what=check.what, is_ready=ready.get(check.verdict, False), said=check.said) for check in found]
    path, key = Path(opening.config.mission.cache), opening.config.cache.public_key
    damage = _fault(lambda: verify(path, key)) if path.is_file() else ""
    fault = _fault(lambda: check_engine(opening.encoder)) if checks[0].is_ready else ""
    return Ready(checks=checks, damage=damage, engine_fault=fault)


def look_monitor(config: str) -> Check:
    """Open the address of the live page as in flight, and close it."""
    from uavloc.onboard.checking import monitor
    from uavloc.onboard.opening import Opening

    found = monitor(Opening(Path(config)))
    return Check(what=found.what, is_ready=found.verdict == "ok", said=found.said)


def monitor_findings(answer: Answer) -> list[Finding]:
    """Whether the live page of the configuration can be served."""
    if answer.facts is None:
        return [warn("monitor", f"could not be looked at: {answer.problem}", "uavloc run --config FILE --check")]
    return [_finding(Check.model_validate(answer.facts), "")]


def ready_findings(answer: Answer) -> list[Finding]:
    """What has to be there to fly."""
    if answer.facts is None:
        what = f"engine and cache could not be checked: {answer.problem}"
        return [fail("cache", what, "uavloc verify CACHE and uavloc engine verify NAME take their time")]
    ready = Ready.model_validate(answer.facts)
    faults = {"cache": ready.damage, "engine": ready.engine_fault}
    return [_finding(check, faults.get(check.what, "")) for check in ready.checks]


def unconfigured() -> list[Finding]:
    """What cannot be looked at without a configuration."""
    return [absent("mission", "no configuration: cache, camera, start and link were not looked at", "--config FILE")]


def _finding(check: Check, fault: str) -> Finding:
    if check.is_ready is None and not fault:
        return absent(check.what, f"could not be looked at: {check.said}", "mend that first")
    if not check.is_ready or fault:
        return fail(check.what, fault or check.said, FIXES[check.what])
    return ok(check.what, f"{check.said}, every byte" if check.what == "cache" else check.said)


def _fault(look: Callable[[], None]) -> str:
    try:
        look()
    except UavlocError as error:
        return str(error)
    return ""
