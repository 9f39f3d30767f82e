"""Whether a flight goes on where an earlier run of the program was."""

from __future__ import annotations

import logging
from pathlib import Path

from uavloc.clock import Clock
from uavloc.errors import InputError
from uavloc.flightconfig import MissionConfig
from uavloc.hypotheses import SPEED_STD_MPS
from uavloc.motion.state import AIDED_SIZE, SIZE
from uavloc.onboard.ground import within
from uavloc.onboard.localizing import Fitted
from uavloc.onboard.pausefile import PauseFile
from uavloc.onboard.publishing import Publishing
from uavloc.onboard.report import Report
from uavloc.onboard.statefile import SavedState, load_state

RESUMED = "the flight began with the state of an earlier run"
_LEAST_SPEED_MPS = 5.0
"""A vehicle that stood still may have begun to move."""

_log = logging.getLogger("uavloc.onboard")


def young_state(mission: MissionConfig) -> SavedState | None:
    """The state that was kept, if it is there, sound and young enough; a warning tells why not."""
    if not mission.state:
        return None
    try:
        state = load_state(Path(mission.state))
    except InputError as error:
        _log.warning("%s: the state is not taken up", error)
        return None
    if state is None:
        return None
    age_s = state.age_s()
    if not 0.0 <= age_s <= mission.state_max_age_s:
        _log.info("state: %s is %.0f s old: not taken up", mission.state, age_s)
        return None
    return state


def take_up(state: SavedState, fitted: Fitted, clock: Clock) -> bool:
    """Give a localizer the place of a state, widened by the way since; False, with a warning, where it cannot be."""
    then = state.prior(clock)
    if len(then.rest) + 2 not in (SIZE, AIDED_SIZE):
        _log.warning("state: is of another version of uavloc: not taken up")
    elif not within(then.point, fitted.ground.bounds):
        _log.warning("state: %.6f,%.6f lies off the map: not taken up", then.point.lat_deg, then.point.lon_deg)
    else:
        prior = then.grown(clock.now_ns(), _LEAST_SPEED_MPS, SPEED_STD_MPS)
        fitted.localizer.resume(prior)
        _log.info(
            "state: %.6f,%.6f of %.1f s ago is taken up as where to look, within %.0f m (1 sigma)",
            prior.point.lat_deg, prior.point.lon_deg, state.age_s(), prior.cov[:2, :2].max() ** 0.5,
        )  # fmt: skip
        return True
    return False


def stay_paused(pause: PauseFile, publishing: Publishing, report: Report, ends: str) -> None:
    """An operator's pause holds until the operator ends it, however often the program starts; `ends` says how."""
    since = pause.since()
    if since is not None:
        publishing.paused = True
        told = f"no positions are published: paused by the operator since {since} ({pause.path})"
        report.tell("pause", f"{told}: {ends}", bad=True)
