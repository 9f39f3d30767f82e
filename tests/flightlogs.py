"""Small logs in the formats of others, written with their own libraries."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from program import rows
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


def video_of(flight: Path, path: Path) -> Path:
    """The pictures of a frames folder as a video."""
    sensors = rows(flight / "sensors.csv")
    files = {each.stem: each for each in (flight / "frames").iterdir()}
    pictures = [cv2.cvtColor(cv2.imread(str(files[Path(row["frame"]).stem])), cv2.COLOR_BGR2RGB) for row in sensors]
    first_s = float(sensors[0]["t_s"])
    return write_video(path, [float(row["t_s"]) - first_s for row in sensors], [np.asarray(p) for p in pictures])


@dataclass(frozen=True)
class Moment:
    """What the sensors of a frames folder and its truth say of one frame."""

    t_s: float
    roll_deg: float
    pitch_deg: float
    heading_deg: float
    agl_m: float
    lat_deg: float
    lon_deg: float


def moments(flight: Path, later_s: float = 0.0) -> list[Moment]:
    """The frames of a folder, the first of them `later_s` after the beginning."""
    truth = {row["frame"]: row for row in rows(flight / "truth.csv")}
    sensors = rows(flight / "sensors.csv")
    first_s = float(sensors[0]["t_s"])
    return [
        Moment(
            later_s + float(row["t_s"]) - first_s,
            *(float(row.get(f"{axis}_deg") or 0.0) for axis in ("roll", "pitch", "heading")),
            float(row["agl_m"]),
            *(float(truth[row["frame"]][f"{axis}_deg"]) for axis in ("lat", "lon")),
        )
        for row in sensors
    ]


def tlog_of(flight: Path, path: Path, begin_s: float, later_s: float) -> Path:
    """The sensors of a frames folder as the log of a ground station, with GNSS and camera messages."""
    messages = []
    for at in moments(flight, later_s):
        angles = [math.radians(angle) for angle in (at.roll_deg, at.pitch_deg, at.heading_deg)]
        messages += [
            attitude(at.t_s - 0.05, *angles),
            distance(at.t_s - 0.01, at.agl_m),
            gnss(at.t_s, at.lat_deg, at.lon_deg),
            camera_message(at.t_s),
            attitude(at.t_s + 0.05, *angles),
        ]
    messages += [over_home(t_s, 0.0) for t_s in (0.0, 1.0)]
    return write_tlog(path, begin_s, sorted(messages, key=lambda message: message[0]))


_GPS_WEEK = 2300
_RECORDS = {
    "ATT": (129, "Qccc", ("TimeUS", "Roll", "Pitch", "Yaw")),
    "RFND": (130, "QBCBB", ("TimeUS", "Instance", "Dist", "Stat", "Orient")),
    "GPS": (131, "QBIHLL", ("TimeUS", "Status", "GMS", "GWk", "Lat", "Lng")),
    "CAM": (132, "QI", ("TimeUS", "Img")),
}
_LAYOUT = {"Q": "Q", "c": "h", "C": "H", "B": "B", "I": "I", "H": "H", "L": "i"}
"""As in libraries/AP_Logger/LogStructure.h of ArduPilot."""


def dataflash_of(flight: Path, path: Path, later_s: float = 0.0) -> Path:
    """The sensors of a frames folder as a log of ArduPilot's memory card."""
    log = bytearray(_described("FMT", 128, "BBnNZ", ("Type", "Length", "Name", "Format", "Columns")))
    for name, (number, codes, columns) in _RECORDS.items():
        log += _described(name, number, codes, columns)
    for number, at in enumerate(moments(flight, later_s)):
        us, ms = round((BOOT_S + at.t_s) * 1e6), round(at.t_s * 1e3)
        for late_us in (-50_000, 50_000):
            angles = (round(angle * 100) for angle in (at.roll_deg, at.pitch_deg, (at.heading_deg + 180) % 360 - 180))
            log += _record("ATT", us + late_us, *angles)
            if late_us < 0:
                log += _record("RFND", us - 10_000, 0, round(at.agl_m * 100), 4, 25)
                log += _record("GPS", us, 3, ms, _GPS_WEEK, round(at.lat_deg * 1e7), round(at.lon_deg * 1e7))
                log += _record("CAM", us, number)
    path.write_bytes(log)
    return path


def _described(name: str, number: int, codes: str, columns: tuple[str, ...]) -> bytes:
    size = 89 if name == "FMT" else 3 + struct.calcsize("<" + "".join(_LAYOUT[code] for code in codes))
    texts = (name.encode(), codes.encode(), ",".join(columns).encode())
    return b"\xa3\x95\x80" + struct.pack("<BB4s16s64s", number, size, *texts)


def _record(name: str, *values: int) -> bytes:
    number, codes, _ = _RECORDS[name]
    return b"\xa3\x95" + bytes((number,)) + struct.pack("<" + "".join(_LAYOUT[code] for code in codes), *values)


def av_ms() -> Any:
    from fractions import Fraction

    return Fraction(1, 1000)
