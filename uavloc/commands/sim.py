"""`uavloc sim`: invented worlds and simulated flights."""

from __future__ import annotations

import argparse
from pathlib import Path

from uavloc.commands import simvehicle
from uavloc.commands.words import finite, frame_numbers
from uavloc.console import progress, say
from uavloc.errors import UsageError
from uavloc.logs import load_truth
from uavloc.scenes import DEFAULT_DATE, open_scene
from uavloc.sim import (
    AUTUMN,
    DATES,
    SUMMER,
    TERRAINS,
    Air,
    Faults,
    FlightSpec,
    Sensors,
    WorldSpec,
    date_named,
    default_camera,
    simulate_flight,
    simulate_world,
)

_WORLD_EXAMPLE = """
example:
  uavloc sim world --out world --seed 7 --date summer --date snow

DIR gets a map picture with its corners per date (map_summer.jpg, .json) for 'uavloc build', and world.json.
"""
_FLIGHT_EXAMPLE = """
examples:
  uavloc sim flight world --date autumn --out flight --agl-m 120
  uavloc sim flight map.tif --out flight --pattern eight --black 40-45 --heading-bias-deg 6
  uavloc sim flight field.mbtiles --region 11.34,48.04,11.36,48.06 --out flight

DIR is a log for 'uavloc replay'. Frames are counted from 0; faults take frames as 10-20,35. A flight over a cache or a
map sees the very picture it will be matched with: good for testing faults, far too easy for testing accuracy.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `uavloc sim`."""
    actions = parser.add_subparsers(metavar="ACTION", required=True, title="actions")
    _configure_world(actions.add_parser("world", help="invent a piece of country, seen on several dates"))
    _configure_flight(actions.add_parser("flight", help="fly a simulated camera over a world, a map or a cache"))
    vehicle = actions.add_parser("vehicle", help="fly a simulated aircraft in real time: MAVLink peer with a camera")
    simvehicle.configure(vehicle)


def _configure_world(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _WORLD_EXAMPLE
    default = WorldSpec()
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder to write")
    parser.add_argument(
        "--seed", type=int, default=default.seed, metavar="N", help="which world (default: %(default)s)"
    )
    for name, value, about in (
        ("--size-m", default.size_m, "side of the square in metres"),
        ("--gsd-m", default.gsd_m, "metres per pixel of the maps"),
        ("--lat", default.lat_deg, "latitude of the centre in degrees"),
        ("--lon", default.lon_deg, "longitude of the centre in degrees"),
    ):
        parser.add_argument(name, type=finite, default=value, metavar="X", help=f"{about} (default: %(default)s)")
    parser.add_argument(
        "--terrain", choices=tuple(TERRAINS), default=default.terrain, metavar="KIND",
        help=f"kind of country: {', '.join(TERRAINS)} (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--date", action="append", choices=tuple(DATES), metavar="DATE",
        help=f"season to map it in: {', '.join(DATES)}; repeat it (default: {SUMMER.name} and {AUTUMN.name})",
    )  # fmt: skip
    parser.set_defaults(run=run_world)


def run_world(arguments: argparse.Namespace) -> None:
    """Draw a world and name its maps."""
    spec = WorldSpec(arguments.seed, arguments.size_m, arguments.gsd_m, arguments.lat, arguments.lon, arguments.terrain)
    dates = [date_named(name) for name in dict.fromkeys(arguments.date or (SUMMER.name, AUTUMN.name))]
    with progress("draw the world") as tell:
        maps = simulate_world(spec, arguments.out, dates, tell)
    for path in maps:
        say(str(path))


def _configure_flight(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _FLIGHT_EXAMPLE
    parser.add_argument("scene", type=Path, metavar="SCENE", help="world folder, map image or GeoTIFF, or tile cache")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder to write")
    parser.add_argument(
        "--date", choices=tuple(DATES), metavar="DATE",
        help=f"season of a world: {', '.join(DATES)} (default: {DEFAULT_DATE})",
    )  # fmt: skip
    parser.add_argument(
        "--region",
        default="full",
        metavar="REGION",
        help="part of a map or cache to fly over: W,S,E,N or the box around a region file (default: all)",
    )
    _add_way(parser.add_argument_group("flight"))
    _add_camera(parser.add_argument_group("camera"))
    _add_sensors(parser.add_argument_group("sensors and air"))
    _add_faults(parser.add_argument_group("faults"))
    parser.set_defaults(run=run_flight)


def _add_way(group: argparse._ArgumentGroup) -> None:
    default = FlightSpec()
    group.add_argument("--seed", type=int, default=default.seed, metavar="N", help="chance (default: %(default)s)")
    group.add_argument(
        "--pattern", choices=("lawnmower", "eight"), default=default.pattern, help="way (default: %(default)s)"
    )
    group.add_argument(
        "--agl-m", type=finite, action="append", metavar="M",
        help="metres above ground; repeat it to climb or sink along the way (default: "
        f"{', '.join(f'{height:g}' for height in default.agl_m)})",
    )  # fmt: skip
    _add_number(group, "--speed-mps", default.speed_mps, "ground speed in metres per second")
    _add_number(group, "--rate-hz", default.rate_hz, "pictures per second")
    group.add_argument("--frames", type=int, metavar="N", help="stop after so many pictures (default: fly to the end)")


def _add_camera(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--width-px", type=int, default=640, metavar="N", help="picture width (default: %(default)s)")
    group.add_argument("--height-px", type=int, default=480, metavar="N", help="picture height (default: %(default)s)")
    _add_number(group, "--hfov-deg", 75.0, "horizontal field of view in degrees")


def _add_sensors(group: argparse._ArgumentGroup) -> None:
    sensors, air = Sensors(), Air()
    _add_number(group, "--heading-bias-deg", sensors.heading_bias_deg, "constant error of the compass, 1 sigma")
    _add_number(group, "--heading-noise-deg", sensors.heading_noise_deg, "noise of the compass, 1 sigma")
    _add_number(group, "--tilt-noise-deg", sensors.tilt_noise_deg, "noise of roll and pitch, 1 sigma")
    _add_number(group, "--height-bias", sensors.agl_scale, "constant error of the height as a share, 1 sigma")
    group.add_argument("--no-velocity", action="store_true", help="measure no ground velocity")
    _add_number(group, "--wind-mps", air.wind_mps, "wind speed in metres per second")
    _add_number(group, "--wind-from-deg", air.wind_from_deg, "where the wind comes from, in degrees")


def _add_faults(group: argparse._ArgumentGroup) -> None:
    default = Faults()
    for name, about in (
        ("--drop", "pictures that are missing"),
        ("--black", "black pictures"),
        ("--freeze", "pictures that repeat the one before"),
        ("--blur", "blurred pictures"),
        ("--yaw-spike", f"compass off by {default.yaw_spike_deg:g} degrees"),
    ):
        group.add_argument(name, type=frame_numbers, default=frozenset(), metavar="FRAMES", help=about)
    _add_number(group, "--mount-forward-deg", 0.0, "the camera looks so much further forward than camera.json says")
    _add_number(group, "--mount-right-deg", 0.0, "the camera looks so much further right than camera.json says")
    _add_number(group, "--height-factor", default.agl_scale, "every measured height is multiplied by this")


def _add_number(group: argparse._ArgumentGroup, name: str, default: float, about: str) -> None:
    group.add_argument(name, type=finite, default=default, metavar="X", help=f"{about} (default: %(default)s)")


def run_flight(arguments: argparse.Namespace) -> None:
    """Fly, and say how to replay it."""
    spec = flight_spec(arguments)
    with progress("look at the ground") as tell:
        scene = open_scene(arguments.scene, arguments.date, arguments.region)
        tell(1, 1)
    with progress("fly") as tell:
        frames = simulate_flight(scene, spec, arguments.out, tell)
    first = load_truth(arguments.out / "truth.csv")[0].point
    say(f"{arguments.out}: {frames} frames, beginning at {first.lat_deg:.6f},{first.lon_deg:.6f}")


def flight_spec(arguments: argparse.Namespace) -> FlightSpec:
    """The flight that the options ask for."""
    _check_camera(arguments)
    return FlightSpec(
        seed=arguments.seed,
        pattern=arguments.pattern,
        speed_mps=arguments.speed_mps,
        agl_m=tuple(arguments.agl_m or FlightSpec().agl_m),
        rate_hz=arguments.rate_hz,
        max_frames=arguments.frames,
        camera=default_camera(arguments.width_px, arguments.height_px, arguments.hfov_deg),
        air=Air(wind_mps=arguments.wind_mps, wind_from_deg=arguments.wind_from_deg),
        sensors=Sensors(
            heading_bias_deg=arguments.heading_bias_deg,
            heading_noise_deg=arguments.heading_noise_deg,
            tilt_noise_deg=arguments.tilt_noise_deg,
            agl_scale=arguments.height_bias,
            velocity=not arguments.no_velocity,
        ),
        faults=Faults(
            dropped=arguments.drop,
            black=arguments.black,
            frozen=arguments.freeze,
            blurred=arguments.blur,
            yaw_spiked=arguments.yaw_spike,
            agl_scale=arguments.height_factor,
            mount_deg=(arguments.mount_forward_deg, arguments.mount_right_deg),
        ),
    )


def _check_camera(arguments: argparse.Namespace) -> None:
    for name, value, low, high in (
        ("--width-px", arguments.width_px, 32, 8000),
        ("--height-px", arguments.height_px, 32, 8000),
        ("--hfov-deg", arguments.hfov_deg, 5.0, 120.0),
    ):
        if not low <= value <= high:
            raise UsageError(f"{name}: {value:g} is not within {low:g} to {high:g}")
