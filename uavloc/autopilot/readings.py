"""What the autopilot measures, as events. Never its position, nor a velocity that came from one."""

from __future__ import annotations

import math
from collections.abc import Callable

from uavloc.autopilot.attitudes import Attitudes
from uavloc.autopilot.dialect import Message
from uavloc.autopilot.spread import attitude_std_rad, flat_std_m, range_std_m
from uavloc.frames import rotation_from_quaternion, rotation_from_rpy
from uavloc.motion.airdensity import airspeed_at
from uavloc.motion.strapdown import MILLI_G_MPS2
from uavloc.types import Altitude, Attitude, Event, Float, Height, Imu

_UNSYNCED_S = 0.05
"""Where the clocks are not known to each other a message may have been under way for this long."""
_EKF_ATTITUDE = 1
"""In the flags of EKF_STATUS_REPORT (ArduPilot) and of ESTIMATOR_STATUS (PX4) alike."""
_COMPASS_DISTURBED = 0.5
"""Test ratio of the compass from which the heading is not what it should be."""

_LOOKS_DOWN = 25
_BAD_SIGNAL = 1
_UNKNOWN_VARIANCE = 255
_STEEPEST_COS = math.cos(math.radians(45.0))

_CLIMBED_STD_M = 3.0
_CLIMBED_STD_SHARE = 0.03
"""Of a barometric height over take-off: weather, wind over the housing, air that is not the standard one."""

_DIFFERENTIAL_PRESSURE = 16
"""MAV_SYS_STATUS_SENSOR_DIFFERENTIAL_PRESSURE."""
_AIRSPEED_UNHEALTHY = 1

_OLDEST_NS = 5_000_000_000
_AHEAD_NS = 50_000_000
_BETTER_NS = 2_000_000_000
"""For so long after the better of two messages of one kind the other is not used."""


class Readings:
    """Turns messages into attitudes, heights and altitudes, stamped when they were measured.

    Give its `events` every message that `Link.subscribe` hands out.
    """

    def __init__(
        self,
        vehicle_ns: Callable[[int], int | None],
        attitudes: Attitudes,
        *,
        baro_amsl_std_m: float | None = None,
    ) -> None:
        """`vehicle_ns` as of a link; attitudes go into `attitudes` as well as out.

        With `baro_amsl_std_m` altitudes above mean sea level are events too, with this 1 sigma: only where it is known
        that the autopilot takes its height from the barometer, not from GNSS.
        """
        self._vehicle_ns, self._attitudes, self._baro_amsl_std_m = vehicle_ns, attitudes, baro_amsl_std_m
        self._aligned = True
        self._compass_good = True
        self._pitot = False
        self._alt_m: float | None = None
        self._better_ns: dict[str, int] = {}
        self._readers: dict[str, Callable[[Message, int], list[Event]]] = {
            "ATTITUDE": self._attitude,
            "ATTITUDE_QUATERNION": self._attitude_quaternion,
            "DISTANCE_SENSOR": self._distance_sensor,
            "RANGEFINDER": self._rangefinder,
            "GLOBAL_POSITION_INT": self._global_position,
            "ALTITUDE": self._altitude,
            "HIGHRES_IMU": self._highres_imu,
            "RAW_IMU": self._raw_imu,
            "AIRSPEED": self._airspeed,
            "VFR_HUD": self._hud,
            "SYS_STATUS": self._sys_status,
            "EKF_STATUS_REPORT": self._ekf_status,
            "ESTIMATOR_STATUS": self._estimator_status,
        }

    def events(self, message: Message, arrival_ns: int) -> list[Event]:
        """Events of one message; often none.

        Attitude; Height (a rangefinder looking down); Altitude above take-off, with the Height that it would be over
        flat land; Imu; Airspeed of a pitot tube.
        """
        reader = self._readers.get(message.get_type())
        return [] if reader is None else reader(message, arrival_ns)

    def _attitude(self, message: Message, arrival_ns: int) -> list[Event]:
        matrix = rotation_from_rpy(message.roll, message.pitch, message.yaw)
        return self._oriented(matrix, message, arrival_ns)

    def _attitude_quaternion(self, message: Message, arrival_ns: int) -> list[Event]:
        """Left alone where ATTITUDE comes too: twice the same knows no more."""
        if self._better_came("attitude", arrival_ns):
            return []
        matrix = rotation_from_quaternion(message.q1, message.q2, message.q3, message.q4)
        return [] if matrix is None else self._oriented(matrix, message, arrival_ns)

    def _oriented(self, ned_from_body: Float, message: Message, arrival_ns: int) -> list[Event]:
        if message.get_type() == "ATTITUDE":
            self._better_ns["attitude"] = arrival_ns
        measured = self._measured(message.time_boot_ms * 1_000_000, arrival_ns)
        if measured is None:
            return []
        t_ns, unsure_s = measured
        tilt_rad, yaw_rad = attitude_std_rad(self._aligned, self._compass_good)
        attitude = Attitude(
            t_ns,
            ned_from_body,
            (
                math.hypot(tilt_rad, message.rollspeed * unsure_s),
                math.hypot(tilt_rad, message.pitchspeed * unsure_s),
                math.hypot(yaw_rad, message.yawspeed * unsure_s),
            ),
        )
        self._attitudes.add(attitude)
        return [attitude]

    def _distance_sensor(self, message: Message, arrival_ns: int) -> list[Event]:
        """A range inside the reach of the sensor. Its `covariance` is a variance in cm2."""
        if message.orientation != _LOOKS_DOWN or getattr(message, "signal_quality", 0) == _BAD_SIGNAL:
            return []
        if not message.min_distance < message.current_distance < message.max_distance:
            return []
        self._better_ns["range"] = arrival_ns
        measured = self._measured(message.time_boot_ms * 1_000_000, arrival_ns)
        if measured is None:
            return []
        told_m = math.sqrt(message.covariance) / 100.0 if message.covariance != _UNKNOWN_VARIANCE else 0.0
        return self._above_ground(message.current_distance / 100.0, told_m, measured[0])

    def _rangefinder(self, message: Message, arrival_ns: int) -> list[Event]:
        """ArduPilot's older message tells neither time nor reach, so it is used only where there is no other."""
        if self._better_came("range", arrival_ns) or message.distance <= 0.0:
            return []
        return self._above_ground(message.distance, 0.0, arrival_ns)

    def _above_ground(self, range_m: float, told_std_m: float, t_ns: int) -> list[Event]:
        """A sensor fixed to the body measures along its down axis: tilted, the way to the ground is longer."""
        attitude = self._attitudes.at(t_ns) or self._last_attitude(t_ns)
        if attitude is None:
            return []
        cosine = float(attitude.ned_from_body[2, 2])
        if cosine < _STEEPEST_COS:
            return []
        slant_m = range_m * math.sqrt(1.0 - cosine * cosine) * max(attitude.std_rad[:2])
        return [Height(t_ns, range_m * cosine, range_std_m(range_m, told_std_m, slant_m))]

    def _last_attitude(self, t_ns: int) -> Attitude | None:
        """The newest one, if it is at most 0.2 s away: good enough for a cosine."""
        newest_ns = self._attitudes.newest_ns
        if newest_ns is None or abs(t_ns - newest_ns) > 200_000_000:
            return None
        return self._attitudes.at(newest_ns)

    def _global_position(self, message: Message, arrival_ns: int) -> list[Event]:
        """Of it only the height over home, which the autopilot takes from its barometer."""
        if self._better_came("altitude", arrival_ns):
            return []
        above_home_m = message.relative_alt / 1e3
        return self._climbed(above_home_m, message.alt / 1e3, message.time_boot_ms * 1_000_000, arrival_ns)

    def _altitude(self, message: Message, arrival_ns: int) -> list[Event]:
        """PX4: over home, or else over the start of its local frame; NaN where it does not know."""
        above_m = next((m for m in (message.altitude_relative, message.altitude_local) if math.isfinite(m)), None)
        if above_m is None or abs(above_m) > 30_000.0:
            return []
        self._better_ns["altitude"] = arrival_ns
        return self._climbed(above_m, message.altitude_amsl, message.time_usec * 1000, arrival_ns)

    def _climbed(self, above_m: float, amsl_m: float, boot_ns: int, arrival_ns: int) -> list[Event]:
        measured = self._measured(boot_ns, arrival_ns)
        if measured is None:
            return []
        std_m = math.hypot(_CLIMBED_STD_M, _CLIMBED_STD_SHARE * above_m)
        events: list[Event] = [Altitude(measured[0], above_m, std_m, "take-off")]
        if above_m > 0.0:
            events.append(Height(measured[0], above_m, flat_std_m(above_m), assumed=True))
        if self._baro_amsl_std_m is not None and math.isfinite(amsl_m) and abs(amsl_m) < 30_000.0:
            events.append(Altitude(measured[0], amsl_m, math.hypot(self._baro_amsl_std_m, std_m), "amsl"))
        return events

    def _highres_imu(self, message: Message, arrival_ns: int) -> list[Event]:
        """PX4: in SI units. Only of the first one."""
        if message.id != 0:
            return []
        self._better_ns["imu"] = arrival_ns
        force, rate = (message.xacc, message.yacc, message.zacc), (message.xgyro, message.ygyro, message.zgyro)
        return self._felt(force, rate, message.time_usec * 1000, arrival_ns)

    def _raw_imu(self, message: Message, arrival_ns: int) -> list[Event]:
        """ArduPilot: thousandths of g and of rad/s, in spite of its name."""
        if message.id != 0 or self._better_came("imu", arrival_ns):
            return []
        force = (message.xacc * MILLI_G_MPS2, message.yacc * MILLI_G_MPS2, message.zacc * MILLI_G_MPS2)
        rate = (message.xgyro * 1e-3, message.ygyro * 1e-3, message.zgyro * 1e-3)
        return self._felt(force, rate, message.time_usec * 1000, arrival_ns)

    def _felt(
        self, force: tuple[float, float, float], rate: tuple[float, float, float], boot_ns: int, arrival_ns: int
    ) -> list[Event]:
        """Only with a time: readings stamped by their arrival are not spaced as they were taken."""
        measured = self._measured(boot_ns, arrival_ns)
        return [] if measured is None or measured[1] > 0.0 else [Imu(measured[0], force, rate)]

    def _airspeed(self, message: Message, arrival_ns: int) -> list[Event]:
        """Of a sensor itself; only of the first one, and if it is healthy."""
        if message.id != 0 or message.flags & _AIRSPEED_UNHEALTHY:
            return []
        self._better_ns["airspeed"] = arrival_ns
        return self._through_air(message.airspeed, arrival_ns)

    def _hud(self, message: Message, arrival_ns: int) -> list[Event]:
        """Only where a sensor is in use: without one the autopilot makes an air speed up from its own velocity."""
        self._alt_m = message.alt
        if not self._pitot or self._better_came("airspeed", arrival_ns):
            return []
        return self._through_air(message.airspeed, arrival_ns)

    def _through_air(self, calibrated_mps: float, arrival_ns: int) -> list[Event]:
        """The altitude is for the density of the air only."""
        found = airspeed_at(arrival_ns, calibrated_mps, self._alt_m)
        return [] if found is None else [found]

    def _sys_status(self, message: Message, _arrival_ns: int) -> list[Event]:
        enabled, healthy = message.onboard_control_sensors_enabled, message.onboard_control_sensors_health
        self._pitot = bool(message.onboard_control_sensors_present & enabled & healthy & _DIFFERENTIAL_PRESSURE)
        return []

    def _ekf_status(self, message: Message, _arrival_ns: int) -> list[Event]:
        self._aligned = bool(message.flags & _EKF_ATTITUDE)
        self._compass_good = message.compass_variance < _COMPASS_DISTURBED
        return []

    def _estimator_status(self, message: Message, _arrival_ns: int) -> list[Event]:
        self._aligned = bool(message.flags & _EKF_ATTITUDE)
        self._compass_good = not message.mag_ratio >= _COMPASS_DISTURBED  # NaN: no compass is tested
        return []

    def _better_came(self, kind: str, arrival_ns: int) -> bool:
        return arrival_ns - self._better_ns.get(kind, -_BETTER_NS) < _BETTER_NS

    def _measured(self, boot_ns: int, arrival_ns: int) -> tuple[int, float] | None:
        """(time of a measurement on our clock, how unsure it is in s); None where it is too old or in the future."""
        t_ns = self._vehicle_ns(boot_ns)
        if t_ns is None:
            return arrival_ns, _UNSYNCED_S
        if not arrival_ns - _OLDEST_NS < t_ns < arrival_ns + _AHEAD_NS:
            return None
        return min(t_ns, arrival_ns), 0.0
