"""`uavloc camera`: the camera file."""

from __future__ import annotations

import argparse
from pathlib import Path

from uavloc.calibration import Board, Calibration, calibrate
from uavloc.commands.words import finite
from uavloc.console import progress, say, show_table
from uavloc.errors import InputError, UsageError
from uavloc.files import write_atomic
from uavloc.imagefile import IMAGE_ENDINGS

_EXAMPLES = """
examples:
  uavloc camera calibrate photos/ --board checkerboard:10x7:25 --out camera.json
  uavloc camera calibrate photos/*.jpg --board charuco:10x7:25:18:5X5_100 --mount-rpy-deg 0,-90,0 --out camera.json

Take 15 to 25 sharp photos of a flat board, with the camera as it flies (same size, same focus), the board slanted each
way and at times in every corner of the picture. A board is told by its squares across and down and their side in mm.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `uavloc camera`."""
    actions = parser.add_subparsers(metavar="ACTION", required=True, title="actions")
    action = actions.add_parser("calibrate", help="measure the lens from photos of a checkerboard or ChArUco board")
    action.epilog = _EXAMPLES
    action.add_argument("photos", type=Path, nargs="+", metavar="PHOTOS", help="photos, or a folder of them")
    action.add_argument(
        "--board", required=True, type=board, metavar="BOARD",
        help="checkerboard:COLUMNSxROWS:SQUARE_MM or charuco:COLUMNSxROWS:SQUARE_MM:MARKER_MM[:DICTIONARY], in squares",
    )  # fmt: skip
    action.add_argument(
        "--mount-rpy-deg", type=angles, metavar="R,P,Y",
        help="how the camera sits on the vehicle (default: straight down, image-up forward)",
    )  # fmt: skip
    action.add_argument("--out", required=True, type=Path, metavar="FILE", help="camera file to write")
    action.set_defaults(run=run_calibrate)


def board(text: str) -> Board:
    """A board, for argparse."""
    try:
        return Board.parse(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error).removeprefix("--board: ")) from None


def angles(text: str) -> tuple[float, ...]:
    """Three angles, for argparse."""
    values = tuple(finite(part) for part in text.split(","))
    if len(values) != 3:
        raise argparse.ArgumentTypeError(f"'{text}' is not R,P,Y")
    return values


def run_calibrate(arguments: argparse.Namespace) -> None:
    """Measure the lens, say how well, and write the camera file."""
    if not arguments.out.parent.is_dir():
        raise InputError(f"{arguments.out}: no such folder: {arguments.out.parent}")
    with progress("look for the board") as tell:
        found = calibrate(_photos(arguments.photos), arguments.board, tell)
    text = found.camera_json(arguments.mount_rpy_deg)
    show_table(_rows(found))
    for doubt in found.doubts:
        say(f"doubtful: {doubt}")
    write_atomic(arguments.out, text.encode())
    say(f"camera file: {arguments.out}")


def _photos(given: list[Path]) -> list[Path]:
    photos: list[Path] = []
    for path in given:
        if path.is_dir():
            photos += sorted(file for file in path.iterdir() if file.suffix.lower() in IMAGE_ENDINGS)
        else:
            photos.append(path)
    if not photos:
        raise InputError(f"{given[0]}: no photos ({', '.join(IMAGE_ENDINGS)})")
    return photos


def _rows(found: Calibration) -> list[tuple[str, str]]:
    matrix = found.matrix
    worst = max(found.residuals_px, key=lambda name: found.residuals_px[name])
    rows = [
        ("picture", f"{found.width_px} x {found.height_px} px"),
        ("focal length", f"{matrix[0, 0]:.2f} x {matrix[1, 1]:.2f} px (1 sigma {found.fx_std_px:.2f})"),
        ("centre", f"{matrix[0, 2]:.2f}, {matrix[1, 2]:.2f} px"),
        ("distortion k1 k2 p1 p2 k3", ", ".join(f"{value:.5f}" for value in found.distortion)),
        ("residual", f"{found.rms_px:.3f} px rms over {len(found.residuals_px)} photos"),
        ("worst photo", f"{worst}: {found.residuals_px[worst]:.3f} px"),
        ("corners cover", f"{100 * found.coverage:.0f} % of the picture"),
    ]
    if found.left_out:
        rows.append(("left out", ", ".join(found.left_out)))
    return rows
