"""The lens from photos: boards that a known camera sees must give that camera back."""

from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from program import at_once, is_refused, uavloc, works

from uavloc.calibration import Board, calibrate
from uavloc.camera import load_camera
from uavloc.errors import InputError, UavlocError, UsageError

SIZE = (640, 480)
MATRIX = np.array([[520.0, 0.0, 330.0], [0.0, 518.0, 235.0], [0.0, 0.0, 1.0]])
DISTORTION = np.array([-0.12, 0.04, 0.0006, -0.0004, 0.0])
PX_PER_SQUARE = 40
SQUARE_MM = 30.0


def drawn(board: Board) -> np.ndarray:
    """The board as it is printed, without margin."""
    if board.kind == "charuco":
        markers = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, f"DICT_{board.dictionary}"))
        made = cv2.aruco.CharucoBoard((board.columns, board.rows), board.square_mm, board.marker_mm, markers)
        return made.generateImage((board.columns * PX_PER_SQUARE, board.rows * PX_PER_SQUARE))
    tiles = np.add.outer(np.arange(board.rows), np.arange(board.columns)) % 2
    return (np.kron(tiles, np.ones((PX_PER_SQUARE, PX_PER_SQUARE))) * 255).astype(np.uint8)


def photo(board: Board, turn: tuple[float, float, float], place_mm: tuple[float, float, float]) -> np.ndarray:
    """The board as the lens sees it: each pixel's ray is followed to the board, another way than the solver's."""
    rotation = cv2.Rodrigues(np.radians(turn))[0]
    columns, rows = np.meshgrid(np.arange(SIZE[0], dtype=np.float64), np.arange(SIZE[1], dtype=np.float64))
    pixels = np.stack([columns, rows], axis=-1).reshape(-1, 1, 2)
    straight = cv2.undistortPoints(pixels, MATRIX, DISTORTION).reshape(-1, 2)
    rays = np.column_stack([straight, np.ones(len(straight))]) @ rotation
    origin = -rotation.T @ np.array(place_mm)
    on_board = origin[:2] + rays[:, :2] * (-origin[2] / rays[:, 2])[:, None]
    centre = np.array([board.columns, board.rows]) * SQUARE_MM / 2
    at = ((on_board + centre) / SQUARE_MM * PX_PER_SQUARE - 0.5).astype(np.float32).reshape(*SIZE[::-1], 2)
    white = cv2.copyMakeBorder(drawn(board), 60, 60, 60, 60, cv2.BORDER_CONSTANT, value=230)
    seen = cv2.remap(white, at[..., 0] + 60, at[..., 1] + 60, cv2.INTER_AREA, borderValue=(90.0,))
    noise = np.random.default_rng(7).normal(0, 2, seen.shape)
    return np.clip(cv2.GaussianBlur(seen, (3, 3), 0.7) + noise, 0, 255).astype(np.uint8)


def photos(folder: Path, board: Board, count: int = 16) -> list[Path]:
    chance = np.random.default_rng(5)
    paths = []
    for k in range(count):
        turn = (*chance.uniform(-32, 32, 2), chance.uniform(-15, 15))
        place = (*chance.uniform(-55, 55, 2), chance.uniform(370, 480))
        paths.append(folder / f"{k:02d}.png")
        cv2.imwrite(str(paths[-1]), photo(board, turn, place))
    return paths


def silent(_done: int, _total: int) -> None:
    pass


@pytest.mark.parametrize("text", ["checkerboard:10x7:30", "charuco:10x7:30:22:5X5_100"])
def test_a_known_lens_is_found(tmp_path: Path, text: str) -> None:
    photos(tmp_path, Board.parse(text))
    out = tmp_path / "camera.json"
    works("camera", "calibrate", tmp_path, "--board", text, "--mount-rpy-deg", "0,-90,0", "--out", out)
    camera = load_camera(out)
    assert (camera.width_px, camera.height_px) == SIZE
    # what counts is where rays go, not which numbers say so
    pixels = np.array([[x, y] for x in (40.0, 320.0, 600.0) for y in (40.0, 240.0, 440.0)])
    straight = cv2.undistortPoints(pixels[:, None], MATRIX, DISTORTION).reshape(-1, 2)
    error_px = (camera.rays_from_pixels(pixels)[:, :2] - straight) * 520.0
    assert np.abs(error_px).max() < 1.5
    assert json.loads(out.read_text())["calibration"]["rms_px"] < 0.3


def test_a_photo_that_does_not_fit_is_left_out(tmp_path: Path) -> None:
    board = Board.parse("checkerboard:10x7:30")
    paths = photos(tmp_path, board, 10)
    bent = cv2.imread(str(paths[3]))
    rows, columns = np.indices(bent.shape[:2]).astype(np.float32)
    cv2.imwrite(str(paths[3]), cv2.remap(bent, columns + 3 * np.sin(rows / 60), rows, cv2.INTER_LINEAR))
    found = calibrate(paths, board, silent)
    assert found.left_out == ("03.png",)
    assert found.rms_px < 0.3


def test_views_that_are_all_alike_are_doubted(tmp_path: Path) -> None:
    board = Board.parse("checkerboard:10x7:30")
    paths = []
    for k in range(7):
        paths.append(tmp_path / f"{k}.png")
        cv2.imwrite(str(paths[-1]), photo(board, (2.0, k * 0.5, 0.0), (0.0, 0.0, 420.0 + 3 * k)))
    doubts = " ".join(calibrate(paths, board, silent).doubts)
    assert "slant the board" in doubts
    assert "into its corners" in doubts


def test_too_few_photos_fail(tmp_path: Path) -> None:
    board = Board.parse("checkerboard:10x7:30")
    paths = photos(tmp_path, board, 5)
    with pytest.raises(UavlocError, match="found in 5 of 5 photos; 6 are needed"):
        calibrate(paths, board, silent)
    ran = uavloc("camera", "calibrate", *paths, "--board", "checkerboard:9x6:30", "--out", tmp_path / "camera.json")
    assert ran.code == 1
    assert "found in 0 of 5" in ran.err
    assert not (tmp_path / "camera.json").exists()


def test_photos_of_two_sizes_are_refused(tmp_path: Path) -> None:
    for name, shape in (("a.png", (48, 64)), ("b.png", (64, 48))):
        cv2.imwrite(str(tmp_path / name), np.zeros(shape, np.uint8))
    with pytest.raises(InputError, match=r"b\.png: 48 x 64 px, but the photo before is 64 x 48 px"):
        calibrate([tmp_path / "a.png", tmp_path / "b.png"], Board.parse("checkerboard:10x7:30"), silent)


@pytest.mark.parametrize(
    "text",
    ["checkerboard", "checkerboard:10x7", "checkerboard:10:30", "checkerboard:2x7:30", "checkerboard:10x7:-1",
     "charuco:10x7:30", "charuco:10x7:30:31", "charuco:10x7:30:20:9X9_1", "dots:10x7:30", "checkerboard:10x7:nan"],
)  # fmt: skip
def test_what_is_no_board_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--board"):
        Board.parse(text)
    is_refused(at_once("camera", "calibrate", tmp_path, "--board", text, "--out", tmp_path / "c.json"), "--board")


def test_a_folder_without_photos_is_refused(tmp_path: Path) -> None:
    ran = at_once("camera", "calibrate", tmp_path, "--board", "checkerboard:10x7:30", "--out", tmp_path / "c.json")
    is_refused(ran, str(tmp_path), "no photos")


def test_a_tilt_is_an_angle_between_views() -> None:
    from uavloc.calibration import _tilt_deg

    assert _tilt_deg([np.zeros(3), np.array([math.radians(30), 0.0, 0.0])]) == pytest.approx(30.0)
