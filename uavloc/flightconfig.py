"""What the onboard program needs to know besides the numbers of the localizer: map, camera, links, routes, recorder.

Paths in a configuration file count from the folder of that file.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from uavloc.section import Section

RouteName = Literal[
    "auto", "ardupilot-vision", "ardupilot-odometry", "ardupilot-gps", "ardupilot-reset", "px4-odometry", "px4-sensor",
    "px4-reset", "none",
]  # fmt: skip


class MissionConfig(Section):
    """What is flown with, and where the flight begins."""

    cache: str = Field(default="", description="Path of the tile cache.")
    camera: str = Field(default="", description="Path of the camera file (camera.json).")
    start: str = Field(
        default="none", description="LAT,LON,STD_M: where the flight begins, 1 sigma; none: the whole map is searched."
    )
    takeoff: str = Field(
        default="",
        description="LAT,LON: where heights over take-off count from; empty: the start, where the flight begins there.",
    )
    state: str = Field(
        default="uavloc.state.json", description="Where the last position is kept for a restart; empty: nowhere."
    )
    state_max_age_s: float = Field(default=120.0, ge=0, description="An older state is not taken up again.")


class SourceConfig(Section):
    """Where pictures come from."""

    kind: str = Field(
        default="feed",
        description="feed, folder, video, rtsp, v4l2, gstreamer, or a class of yours as package.module:Class.",
    )
    place: str = Field(
        default="unix:uavloc.sock",
        description="feed: unix:PATH or tcp:HOST:PORT to listen on; folder: its path; video: a file; rtsp: a URL; "
        "v4l2: a device; gstreamer: a pipeline.",
    )  # fmt: skip
    max_rate_hz: float = Field(default=10.0, gt=0, description="Frames beyond this rate are not taken.")
    delay_ms: float = Field(
        default=0.0, ge=0, le=2000, description="How long after the exposure a source without exposure times stamps."
    )  # fmt: skip


class LinkConfig(Section):
    """A MAVLink connection."""

    url: str = Field(
        default="udpin:127.0.0.1:14551",
        description="udpin:HOST:PORT, udpout:HOST:PORT, tcp:HOST:PORT, tcpin:HOST:PORT, or serial:DEVICE:BAUD.",
    )
    vehicle: int = Field(default=1, ge=1, le=255, description="System id of the vehicle; no other is believed.")
    autopilot: int = Field(default=1, ge=1, le=255, description="Component id of its autopilot.")
    system: int = Field(default=0, ge=0, le=255, description="Our system id; 0: that of the vehicle.")
    component: int = Field(default=197, ge=1, le=255, description="Our component id (197: visual inertial odometry).")
    key: str = Field(
        default="", description="File with the 32-byte key (64 hex digits) of MAVLink 2 signing; empty: unsigned."
    )


class PublishConfig(Section):
    """How positions go to the autopilot."""

    route: RouteName = Field(default="auto", description="Which messages; auto chooses by what the vehicle is.")
    rate_hz: float = Field(default=10.0, ge=1, le=50, description="Estimates sent per second, between fixes as well.")
    max_age_s: float = Field(
        default=5.0, gt=0, description="Longest time an estimate is carried on without a frame that was understood."
    )
    min_std_m: float = Field(default=0.5, gt=0, description="No smaller 1 sigma is ever claimed.")
    gps_instance: int = Field(
        default=2, ge=1, le=2, description="Which GPS of the vehicle route ardupilot-gps stands in for."
    )


class RecorderConfig(Section):
    """The flight recorder."""

    folder: str = Field(default="", description="Where recordings go; empty: nothing is recorded.")
    max_gb: float = Field(default=20.0, gt=0, description="Most disk space of all recordings; the oldest make room.")
    min_free_gb: float = Field(default=1.0, ge=0, description="Recording ends before the disk has less than this.")
    jpeg_quality: int = Field(
        default=0, ge=0, le=100, description="Pictures are kept at this quality; 0: as they came, so that a replay "
        "repeats the flight bit for bit.",
    )  # fmt: skip


class OperatorConfig(Section):
    """How an operator reaches the running program."""

    socket: str = Field(default="uavloc.ctl", description="Path of the control socket; empty: none.")
    mavlink: bool = Field(default=True, description="Whether commands are taken over MAVLink.")


class MonitorConfig(Section):
    """The live page and the metrics, for a browser and for Prometheus (extra: monitor)."""

    listen: str = Field(
        default="", description="HOST:PORT to serve on, such as 127.0.0.1:8440; empty: none. An address that others "
        "reach needs a token.",
    )  # fmt: skip
    token: str = Field(
        default="", description="File with the secret that opens the page, 16 to 256 letters and digits that only its "
        "owner may read; empty: none is asked for.",
    )  # fmt: skip
    hosts: tuple[str, ...] = Field(
        default=(), strict=False, max_length=16, description="Names by which browsers may reach it (also that of a "
        "proxy), besides numbers, localhost and, where others reach it, the name of this machine.",
    )  # fmt: skip
    actions: bool = Field(default=True, description="Whether hints, pause and resume are taken.")
    rate_hz: float = Field(default=10.0, ge=0.2, le=10, description="How often the page hears of the flight.")


class OnboardConfig(Section):
    """The running program itself."""

    watchdog_s: float = Field(
        default=10.0, gt=0, description="A stage that has not moved for this long ends the program for a restart."
    )
    frame_timeout_s: float = Field(default=3.0, gt=0, description="No frame for this long is reported.")
    attitude_wait_ms: float = Field(
        default=60.0, ge=0, le=1000, description="How long a frame waits for an attitude measured after its exposure."
    )
    attitude_buffer_s: float = Field(default=3.0, gt=0, description="Attitudes kept to be interpolated at exposures.")
    baro_amsl_std_m: float = Field(
        default=0.0, ge=0, le=1000, description="1 sigma of the autopilot's heights above mean sea level, for a cache "
        "with terrain and a take-off that is not known; 0: they are not used. Set it only where they come from its "
        "barometer (ArduPilot: EK3_SRCn_POSZ 1, PX4: EKF2_HGT_REF 0) and it knew its height at the start.",
    )  # fmt: skip
