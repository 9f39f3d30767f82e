"""`uavloc sim vehicle`: a simulated aircraft as a MAVLink peer with a camera."""

from __future__ import annotations

import argparse
import signal
from contextlib import ExitStack, closing
from pathlib import Path
from types import FrameType

from uavloc.commands.words import finite
from uavloc.console import progress, say
from uavloc.errors import StoppedError, UsageError
from uavloc.scenes import DEFAULT_DATE, open_scene
from uavloc.sim import DATES, Air, FlightSpec, default_camera
from uavloc.sim.vehicle import BEHAVIOURS, FAULTS, Script, SimulatedVehicle, VehicleSpec, fault_of, open_port
from uavloc.sim.vehicle.eye import Eye
from uavloc.sim.vehicle.live import RealTime
from uavloc.sim.vehicle.recording import Recording
from uavloc.sim.vehicle.spec import key_in, version_of

DEFAULT_LINKS = {"px4": "udpout:127.0.0.1:14540"}
DEFAULT_LINK = "udpout:127.0.0.1:14551"
"""Where 'uavloc run --init' listens for each autopilot."""
_EXAMPLE = f"""
examples:
  uavloc sim vehicle world --autopilot ardupilot-copter --link udpout:127.0.0.1:14551 --feed unix:uavloc.sock \\
      --out flown
  uavloc sim vehicle world --autopilot px4 --version 1.18.0 --feed folder:frames --out flown --gps-loss-s 30 \\
      --fault link-cut@60+10 --fault camera-black@90

It starts in the air and behaves as ArduPilot and PX4 were measured to (docs/simulated-vehicle.md). OUT gets truth.csv,
vehicle.csv, received.csv, summary.json, and at the start camera.json and start.json. Faults (NAME@SECONDS+DURATION):
{chr(10).join(f"  {name:14} {about} ({duration:g} s)" for name, (duration, about) in FAULTS.items())}
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `uavloc sim vehicle`."""
    parser.epilog = _EXAMPLE
    default, flight, air = VehicleSpec(), VehicleSpec().flight, Air()
    parser.add_argument("scene", type=Path, metavar="SCENE", help="world folder, map image or GeoTIFF, or tile cache")
    parser.add_argument(
        "--autopilot", choices=tuple(BEHAVIOURS), default=default.autopilot, help="(default: %(default)s)"
    )
    parser.add_argument("--version", metavar="X.Y.Z", help="of the autopilot (default: 4.6.3, or 1.17.0)")
    parser.add_argument(
        "--link", action="append", metavar="URL",
        help="udpout:HOST:PORT, udpin:, tcp: or tcpin:HOST:PORT; repeat it "
        f"(default: {DEFAULT_LINK}, port 14540 for px4)",
    )  # fmt: skip
    parser.add_argument(
        "--feed", metavar="URL", help="where pictures go: unix:PATH, tcp:HOST:PORT or folder:PATH (default: no camera)"
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder to write")
    parser.add_argument(
        "--date", choices=tuple(DATES), metavar="DATE", help=f"season of a world (default: {DEFAULT_DATE})"
    )
    parser.add_argument("--region", default="full", metavar="REGION", help="part of a map or cache (default: all)")
    parser.add_argument(
        "--pattern", choices=("lawnmower", "eight"), default=flight.pattern, help="(default: %(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=flight.seed, metavar="N", help="which flight (default: %(default)s)"
    )
    for name, value, about in (
        ("--duration-s", default.duration_s, "length of the flight in seconds"),
        ("--gps-loss-s", default.gps_loss_s, "when GPS is lost; 0: there never was any"),
        ("--speedup", 1.0, "how much faster than real time"),
        ("--speed-mps", flight.speed_mps, "ground speed"),
        ("--agl-m", flight.agl_m[0], "height above ground"),
        ("--rate-hz", flight.rate_hz, "pictures per second"),
        ("--hfov-deg", 75.0, "horizontal field of view in degrees"),
        ("--wind-mps", air.wind_mps, "wind speed"),
        ("--wind-from-deg", air.wind_from_deg, "where the wind comes from"),
        ("--boot-offset-s", default.boot_offset_s, "the autopilot's clock at the start"),
        ("--drift-ppm", default.drift_ppm, "how much too fast it runs"),
    ):
        parser.add_argument(name, type=finite, default=value, metavar="X", help=f"{about} (default: %(default)s)")
    for name, number, about in (
        ("--width-px", 640, "picture width"),
        ("--height-px", 480, "picture height"),
        ("--system", default.system, "system id"),
        (
            "--switch-set",
            default.switch_set,
            "EKF source set the pilot switches to when GPS is lost; 0: none (ArduPilot)",
        ),
    ):
        parser.add_argument(name, type=int, default=number, metavar="N", help=f"{about} (default: %(default)s)")
    parser.add_argument(
        "--params", choices=("ready", "stock"), default="ready",
        help="parameters that work with positions from outside, or as out of the box (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--param", action="append", default=[], metavar="NAME=VALUE", help="set one parameter; repeat it"
    )
    parser.add_argument("--key", type=Path, metavar="FILE", help="64 hex digits: sign, and believe only what is signed")
    parser.add_argument("--fault", action="append", default=[], metavar="FAULT", help="what goes wrong; repeat it")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Fly until the time is up, the vehicle has landed, or Ctrl-C; then say how it went."""
    if not 0.1 <= arguments.speedup <= 100.0:
        raise UsageError(f"--speedup: {arguments.speedup:g} is not within 0.1 to 100")
    spec = vehicle_spec(arguments)
    scene = open_scene(arguments.scene, arguments.date, arguments.region)
    default_link = DEFAULT_LINKS.get(arguments.autopilot, DEFAULT_LINK)
    with ExitStack() as opened:
        ports = [opened.enter_context(closing(open_port(url))) for url in arguments.link or [default_link]]
        vehicle = SimulatedVehicle(scene, spec, ports)
        eye = opened.enter_context(closing(Eye(scene, spec.flight, arguments.feed))) if arguments.feed else None
        _fly(RealTime(vehicle, eye, Recording(arguments.out, vehicle), arguments.speedup), arguments.out)


def _fly(flight: RealTime, out: Path) -> None:
    before = signal.signal(signal.SIGTERM, _stop)
    stopped = False
    try:
        with progress("fly") as tell:
            flight.fly(tell)
    except KeyboardInterrupt:
        stopped = True
    finally:
        signal.signal(signal.SIGTERM, before)
    summary = flight.finish()
    say(f"{out}: flown {summary['flown_s']:g} s, {summary['positions']} positions received")
    if stopped:
        raise StoppedError(f"{out}: stopped after {summary['flown_s']:g} s; what was flown is complete")


def vehicle_spec(arguments: argparse.Namespace) -> VehicleSpec:
    """The vehicle that the options ask for; raises UsageError."""
    return VehicleSpec(
        autopilot=arguments.autopilot,
        version=version_of(arguments.version) if arguments.version else None,
        flight=FlightSpec(
            seed=arguments.seed,
            pattern=arguments.pattern,
            speed_mps=arguments.speed_mps,
            agl_m=(arguments.agl_m,),
            rate_hz=arguments.rate_hz,
            camera=default_camera(arguments.width_px, arguments.height_px, arguments.hfov_deg),
            air=Air(wind_mps=arguments.wind_mps, wind_from_deg=arguments.wind_from_deg),
        ),
        duration_s=arguments.duration_s,
        gps_loss_s=arguments.gps_loss_s,
        parameters=arguments.params,
        overrides=tuple(_parameter(text) for text in arguments.param),
        switch_set=arguments.switch_set,
        system=arguments.system,
        boot_offset_s=arguments.boot_offset_s,
        drift_ppm=arguments.drift_ppm,
        key=key_in(arguments.key) if arguments.key else None,
        script=Script(tuple(fault_of(text) for text in arguments.fault)),
    )


def _parameter(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        return name, finite(value)
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"--param: {text!r} is not NAME=VALUE: {error}") from None


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
