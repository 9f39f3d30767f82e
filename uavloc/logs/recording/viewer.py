"""What Foxglove shows of a recording: pictures and positions in message types that it knows."""

from __future__ import annotations

import json
import struct

from uavloc.types import Estimate

PICTURE_SCHEMA = "sensor_msgs/msg/CompressedImage"
PICTURE_FIELDS = """std_msgs/Header header
string format
uint8[] data
================================================================================
MSG: std_msgs/Header
builtin_interfaces/Time stamp
string frame_id
================================================================================
MSG: builtin_interfaces/Time
int32 sec
uint32 nanosec
"""
PLACE_SCHEMA = "foxglove.LocationFix"
PLACE_FIELDS = {
    "type": "object",
    "properties": {
        "timestamp": {
            "type": "object",
            "title": "time",
            "properties": {"sec": {"type": "integer"}, "nsec": {"type": "integer"}},
        },
        "frame_id": {"type": "string"},
        "latitude": {"type": "number"},
        "longitude": {"type": "number"},
        "altitude": {"type": "number"},
        "position_covariance": {"type": "array", "items": {"type": "number"}},
        "position_covariance_type": {"type": "integer"},
    },
}
_COV_KNOWN = 3
_LAST_ROS_SECOND = 2**31 - 1
_CDR_LE = b"\x00\x01\x00\x00"


def picture_message(t_ns: int, data: bytes) -> bytes:
    """A JPEG or PNG as a ROS 2 CompressedImage in CDR (little endian)."""
    kind = "png" if data.startswith(b"\x89PNG") else "jpeg"
    sec, nsec = divmod(t_ns, 1_000_000_000)
    body = struct.pack("<iI", min(max(sec, 0), _LAST_ROS_SECOND), nsec) + _text("camera")
    body = _aligned(body) + _text(kind)
    return _CDR_LE + _aligned(body) + struct.pack("<I", len(data)) + data


def picture_of(message: bytes) -> bytes:
    """The JPEG or PNG in such a message; raises ValueError where it is none."""
    at = 12
    try:
        for _ in range(2):
            (length,) = struct.unpack_from("<I", message, at)
            at = at + 4 + length
            at += -at % 4
        (size,) = struct.unpack_from("<I", message, at)
    except struct.error as error:
        raise ValueError("picture: cut short") from error
    if not message.startswith(_CDR_LE) or len(message) != at + 4 + size:
        raise ValueError("picture: not a CompressedImage")
    return message[at + 4 :]


def place_message(estimate: Estimate) -> bytes | None:
    """A published position as a LocationFix in JSON; None where there is none."""
    if estimate.point is None or estimate.cov_ne_m2 is None:
        return None
    sec, nsec = divmod(estimate.t_ns, 1_000_000_000)
    (nn, ne), (_, ee) = estimate.cov_ne_m2.tolist()
    return json.dumps(
        {
            "timestamp": {"sec": sec, "nsec": nsec},
            "frame_id": "uavloc",
            "latitude": estimate.point.lat_deg,
            "longitude": estimate.point.lon_deg,
            "altitude": 0.0,
            "position_covariance": [ee, ne, 0.0, ne, nn, 0.0, 0.0, 0.0, 0.0],
            "position_covariance_type": _COV_KNOWN,
        }
    ).encode()


def _text(text: str) -> bytes:
    data = text.encode() + b"\0"
    return struct.pack("<I", len(data)) + data


def _aligned(body: bytes) -> bytes:
    return body + bytes(-len(body) % 4)
