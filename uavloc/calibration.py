"""The lens, from photos of a board: Zhang's method (2000) as OpenCV does it, with what tells whether to believe it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from uavloc.errors import InputError, UavlocError, UsageError
from uavloc.imagefile import read_image
from uavloc.types import Float, Float32, Pixels, Progress

MIN_PHOTOS = 6
GOOD_RMS_PX = 1.0
MIN_COVERAGE = 0.6
MIN_TILT_DEG = 15.0
_MIN_CORNERS = 12
_CELLS = (8, 6)
_OUTLIER = 2.5
_LONGEST_PX = 1600


@dataclass(frozen=True)
class Board:
    """A checkerboard or a ChArUco board: squares across and down, and their side.

    `marker_mm` and `dictionary` (`4X4_50`, `5X5_100`, ...) are of a ChArUco board.
    """

    kind: Literal["checkerboard", "charuco"]
    columns: int
    rows: int
    square_mm: float
    marker_mm: float = 0.0
    dictionary: str = "4X4_50"

    @classmethod
    def parse(cls, text: str) -> Board:
        """`checkerboard:10x7:25` or `charuco:10x7:25:18[:5X5_100]`; raises UsageError."""
        kind, *rest = text.split(":")
        wanted = {"checkerboard": (2,), "charuco": (3, 4)}.get(kind, ())
        try:
            if len(rest) not in wanted:
                raise ValueError
            columns, rows = (int(side) for side in rest[0].split("x"))
            sizes = [float(size) for size in rest[1:3]]
        except ValueError:
            raise UsageError(
                f"--board: '{text}' is neither checkerboard:COLUMNSxROWS:SQUARE_MM nor "
                "charuco:COLUMNSxROWS:SQUARE_MM:MARKER_MM[:DICTIONARY]"
            ) from None
        board = (
            cls("checkerboard", columns, rows, sizes[0])
            if kind == "checkerboard"
            else cls("charuco", columns, rows, sizes[0], sizes[1], *rest[3:])
        )
        board._check()
        return board

    def _check(self) -> None:
        if not (3 <= self.columns <= 50 and 3 <= self.rows <= 50):
            raise UsageError(f"--board: {self.columns}x{self.rows} squares: 3 to 50 each way")
        if not 0.0 < self.square_mm < 10_000.0:
            raise UsageError(f"--board: squares of {self.square_mm:g} mm")
        if self.kind == "charuco":
            if not 0.0 < self.marker_mm < self.square_mm:
                raise UsageError("--board: markers must be smaller than squares")
            if not hasattr(cv2.aruco, f"DICT_{self.dictionary}"):
                raise UsageError(f"--board: dictionary '{self.dictionary}' is not known (for example 4X4_50, 5X5_100)")


@dataclass(frozen=True)
class View:
    """What one photo shows of the board: corners on it (N x 3, mm) and in the photo (N x 2, pixels)."""

    photo: Path
    on_board: Float32
    in_photo: Float32


@dataclass(frozen=True)
class Calibration:
    """A lens and how well it explains the photos: `residuals_px` by photo, `left_out` those that do not fit.

    `fx_std_px` is the 1 sigma of the focal length, `coverage` the share of the picture that corners were seen in,
    `tilt_deg` how far the most slanted view is from the least.
    """

    width_px: int
    height_px: int
    matrix: Float
    distortion: tuple[float, ...]
    rms_px: float
    fx_std_px: float
    coverage: float
    tilt_deg: float
    residuals_px: dict[str, float]
    left_out: tuple[str, ...]

    @property
    def doubts(self) -> list[str]:
        """What speaks against believing it."""
        doubts = []
        if self.rms_px > GOOD_RMS_PX:
            doubts.append(
                f"corners are {self.rms_px:.2f} px off: blurred photos, or the board is not flat or not this one"
            )
        if self.coverage < MIN_COVERAGE:
            doubts.append(f"corners cover {100 * self.coverage:.0f} % of the picture: hold the board into its corners")
        if self.tilt_deg < MIN_TILT_DEG:
            doubts.append(f"all views are alike (within {self.tilt_deg:.0f} degrees): slant the board, each way")
        return doubts

    def camera_json(self, mount_rpy_deg: Sequence[float] | None) -> str:
        """The camera file."""
        content: dict[str, object] = {
            "width_px": self.width_px,
            "height_px": self.height_px,
            "fx_px": round(float(self.matrix[0, 0]), 4),
            "fy_px": round(float(self.matrix[1, 1]), 4),
            "cx_px": round(float(self.matrix[0, 2]), 4),
            "cy_px": round(float(self.matrix[1, 2]), 4),
            "distortion": [round(value, 8) for value in self.distortion],
            "calibration": {"rms_px": round(self.rms_px, 4), "photos": len(self.residuals_px)},
        }
        if mount_rpy_deg is not None:
            content["mount_rpy_deg"] = list(mount_rpy_deg)
        return json.dumps(content, indent=2) + "\n"


def calibrate(photos: Sequence[Path], board: Board, progress: Progress) -> Calibration:
    """The lens that explains the photos best; photos that do not fit are left out.

    Raises InputError for photos that cannot be read or differ in size, UavlocError where too few show the board.
    """
    views, size = [], None
    for number, photo in enumerate(photos, 1):
        image = read_image(photo)
        if image is None:
            raise InputError(f"{photo}: not a JPEG or PNG that can be read")
        found = (image.shape[1], image.shape[0])
        size = size or found
        if found != size:
            raise InputError(f"{photo}: {found[0]} x {found[1]} px, but the photo before is {size[0]} x {size[1]} px")
        view = _view(photo, image, board)
        views += [] if view is None else [view]
        progress(number, len(photos))
    if size is None or len(views) < MIN_PHOTOS:
        raise UavlocError(
            f"the board ({board.kind}, {board.columns} x {board.rows} squares) was found in {len(views)} of "
            f"{len(photos)} photos; {MIN_PHOTOS} are needed, 15 are good"
        )
    return _solved(views, size)


def _view(photo: Path, image: Pixels, board: Board) -> View | None:
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
    found = _checkerboard(grey, board) if board.kind == "checkerboard" else _charuco(grey, board)
    if found is None or len(found[0]) < _MIN_CORNERS:
        return None
    return View(photo, *found)


def _checkerboard(grey: Pixels, board: Board) -> tuple[Float32, Float32] | None:
    inner = (board.columns - 1, board.rows - 1)
    done, corners = cv2.findChessboardCornersSB(grey, inner, flags=cv2.CALIB_CB_EXHAUSTIVE | cv2.CALIB_CB_ACCURACY)
    if not done:
        return None
    across, down = np.meshgrid(np.arange(inner[0]), np.arange(inner[1]))
    on_board = np.stack([across, down, np.zeros_like(across)], axis=-1).reshape(-1, 3) * board.square_mm
    return on_board.astype(np.float32), np.asarray(corners, np.float32).reshape(-1, 2)


def _charuco(grey: Pixels, board: Board) -> tuple[Float32, Float32] | None:
    markers = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, f"DICT_{board.dictionary}"))
    drawn = cv2.aruco.CharucoBoard((board.columns, board.rows), board.square_mm, board.marker_mm, markers)
    corners, ids, _, _ = cv2.aruco.CharucoDetector(drawn).detectBoard(grey)
    if ids is None or len(ids) < _MIN_CORNERS:
        return None
    on_board = np.asarray(drawn.getChessboardCorners(), np.float32)[np.asarray(ids).ravel()]
    return on_board, np.asarray(corners, np.float32).reshape(-1, 2)


def _solved(views: list[View], size: tuple[int, int]) -> Calibration:
    """The solution, again without the photos that stand out."""
    left_out: list[str] = []
    while True:
        rms, matrix, distortion, turns, _, std, _, errors = cv2.calibrateCameraExtended(
            [view.on_board for view in views], [view.in_photo for view in views], size, None, None  # type: ignore[call-overload]
        )  # fmt: skip
        residuals = np.asarray(errors, float).ravel()
        worst = int(residuals.argmax())
        if len(views) <= MIN_PHOTOS or residuals[worst] <= max(_OUTLIER * float(np.median(residuals)), 0.3):
            break
        left_out.append(views.pop(worst).photo.name)
    return Calibration(
        *size,
        matrix=np.asarray(matrix, np.float64),
        distortion=tuple(float(value) for value in np.asarray(distortion).ravel()[:5]),
        rms_px=float(rms),
        fx_std_px=float(np.asarray(std).ravel()[0]),
        coverage=_coverage(views, size),
        tilt_deg=_tilt_deg(turns),
        residuals_px={view.photo.name: float(error) for view, error in zip(views, residuals, strict=True)},
        left_out=tuple(left_out),
    )


def _coverage(views: list[View], size: tuple[int, int]) -> float:
    """Share of the cells of a coarse grid over the picture that hold a corner."""
    corners = np.concatenate([view.in_photo for view in views])
    cells = np.clip((corners / size * _CELLS).astype(int), 0, np.array(_CELLS) - 1)
    return len({tuple(cell) for cell in cells.tolist()}) / (_CELLS[0] * _CELLS[1])


def _tilt_deg(turns: Sequence[Any]) -> float:
    """The largest angle between the board's normals, as the camera saw them."""
    normals = np.array([cv2.Rodrigues(np.asarray(turn))[0][:, 2] for turn in turns])
    return math.degrees(math.acos(float(np.clip((normals @ normals.T).min(), -1.0, 1.0))))
