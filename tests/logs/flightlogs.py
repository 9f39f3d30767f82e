"""Small logs in the formats of others, written with their own libraries."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from pymavlink.dialects.v20 import ardupilotmega as mavlink

from uavloc.errors import InputError
from uavloc.logs import open_log
from uavloc.logs.items import Contents

BOOT_S = 100.0
"""How long the vehicle of the logs is switched on when they begin."""


def write_tlog(
    path: Path, begin_s: float, messages: Iterable[tuple[float, Any]], late_s: Sequence[float] = (0.0,)
) -> Path:
    """A .tlog of (seconds since the beginning, message), each arriving later by the next of `late_s`."""
    mav = mavlink.MAVLink(None, srcSystem=1, srcComponent=1)
    heartbeat = mavlink.MAVLink_heartbeat_message(2, mavlink.MAV_AUTOPILOT_ARDUPILOTMEGA, 0, 0, 4, 3)
    arrived = [(0.0, heartbeat)]
    arrived += [(t_s + late_s[k % len(late_s)], message) for k, (t_s, message) in enumerate(messages)]
    with path.open("wb") as stream:
        for t_s, message in sorted(arrived, key=lambda pair: pair[0]):
            stream.write(struct.pack(">Q", round((begin_s + t_s) * 1e6)) + message.pack(mav))
    return path


def boot_ms(t_s: float) -> int:
    return round((BOOT_S + t_s) * 1e3)


def attitude(t_s: float, roll: float, pitch: float, yaw: float) -> tuple[float, Any]:
    return t_s, mavlink.MAVLink_attitude_message(boot_ms(t_s), roll, pitch, yaw, 0.0, 0.0, 0.0)


def over_home(t_s: float, above_m: float) -> tuple[float, Any]:
    return t_s, mavlink.MAVLink_global_position_int_message(boot_ms(t_s), 0, 0, 0, round(above_m * 1e3), 0, 0, 0, 0)


def distance(t_s: float, range_m: float, orientation: int = 25) -> tuple[float, Any]:
    centimetres = round(range_m * 100)
    return t_s, mavlink.MAVLink_distance_sensor_message(boot_ms(t_s), 10, 60000, centimetres, 0, 0, orientation, 255)


def gnss(t_s: float, lat_deg: float, lon_deg: float, fix: int = 3) -> tuple[float, Any]:
    lat, lon = round(lat_deg * 1e7), round(lon_deg * 1e7)
    return t_s, mavlink.MAVLink_gps_raw_int_message(boot_ms(t_s) * 1000, fix, lat, lon, 0, 100, 100, 0, 0, 9)


def camera_message(t_s: float) -> tuple[float, Any]:
    return t_s, mavlink.MAVLink_camera_trigger_message(boot_ms(t_s) * 1000, 0)


def found_or_refused(path: Path) -> Contents | None:
    """What is in a log, None where it is refused in a line that names it."""
    try:
        return open_log(path).contents()
    except InputError as error:
        if str(path) not in str(error) or "\n" in str(error):
            raise
        return None


def write_video(path: Path, times_s: Sequence[float], pictures: Sequence[np.ndarray[Any, Any]]) -> Path:
    """An .mp4 with a picture at each time, exactly to the millisecond."""
    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "10", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = av_ms()
        for t_s, picture in zip(times_s, pictures, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = round(t_s * 1e3), av_ms()
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def av_ms() -> Any:
    from fractions import Fraction

    return Fraction(1, 1000)
