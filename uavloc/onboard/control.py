"""What the running program answers on its control socket."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from uavloc.errors import UavlocError, one_line, printable
from uavloc.onboard.operating import Operator
from uavloc.onboard.orders import ORDERS, CacheOrder, HintOrder, Order, PauseOrder, ResumeOrder, StatusOrder
from uavloc.types import GeoPoint

MAX_LINE_BYTES = 4096

_log = logging.getLogger(__name__)


def answer(line: bytes, operator: Operator, orders: TypeAdapter[Any] = ORDERS) -> bytes:
    """The line that answers a line, if that is one of some orders; never raises on what was asked."""
    try:
        order = orders.validate_json(line)
        said = _obeyed(order, operator)
        status = {"status": operator.status()} if isinstance(order, StatusOrder) else {}
        return _line({"ok": True, "said": said, **status})
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "command"
        return _line({"ok": False, "said": printable(f"{field}: {first['msg']}")[:300]})
    except UavlocError as error:
        return _line({"ok": False, "said": printable(one_line(error))})
    except Exception as error:  # a mistake of ours: told in full, and no reason to end a flight
        _log.exception("control: an order was not dealt with")
        return _line({"ok": False, "said": printable(f"failed: {type(error).__name__}: {one_line(error)}")[:300]})


def _obeyed(order: Order, operator: Operator) -> str:
    if isinstance(order, HintOrder):
        return operator.hint(GeoPoint(order.lat_deg, order.lon_deg), order.radius_m)
    if isinstance(order, PauseOrder):
        return operator.pause()
    if isinstance(order, ResumeOrder):
        return operator.resume()
    if isinstance(order, CacheOrder):
        return operator.switch(Path(order.path))
    return ""


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content).encode() + b"\n"
