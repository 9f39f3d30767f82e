"""The documents of the monitor: the live page, which draws with the program of the report, and the login."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from uavloc import __version__
from uavloc.report.data import COLUMNS, MEANINGS
from uavloc.report.html import filled, page_text, policy, program_of
from uavloc.types import FALSE_ERROR_M, Outcome

_SHARED = ("base", "marks", "map", "controls", "plots", "panels")
_OWN = ("tiles", "columns", "orders", "live")
_LAYERS = ("map", "track", "marks", "ellipses", "protection", "fit")
_WINDOW_S = 300.0
_PAGE = files("uavloc.monitor") / "page"
_BOUNDS = "form-action 'self'; frame-ancestors 'none'"


def live_page(title: str, ground: Mapping[str, Any], rate_hz: float, *, actions: bool) -> tuple[str, str]:
    """The page and its Content-Security-Policy."""
    style = page_text("page.css") + _text("live.css")
    program = program_of([*(page_text(f"{name}.js") for name in _SHARED), *(_text(f"{name}.js") for name in _OWN)])
    data = {
        "version": __version__,
        "map": ground,
        "frames": {name: [] for name in (*COLUMNS, "trueAt", "errNe")},
        "pictures": [],
        "outcomes": {},
        "meanings": {str(outcome): MEANINGS[outcome] for outcome in Outcome},
        "layers": _LAYERS,
        "falseErrorM": FALSE_ERROR_M,
        "windowS": _WINDOW_S,
        "actions": actions,
        "periodS": 1.0 / rate_hz,
    }
    allowed = policy(style, program, "'self' data:", f"connect-src 'self'; {_BOUNDS}")
    return filled(_text("live.html"), style, program, data, {"title": title}), allowed


def login_page(said: str) -> tuple[str, str]:
    """The page that asks for the secret, and its policy."""
    style = page_text("page.css") + _text("live.css")
    return filled(_text("login.html"), style, "", {}, {"said": said}), policy(style, "", "'none'", _BOUNDS)


def _text(name: str) -> str:
    return (_PAGE / name).read_text(encoding="utf-8")
