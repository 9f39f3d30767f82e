"""The lens from photos: boards that a known camera sees must give that camera back."""

from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from boards import DISTORTION, MATRIX, SIZE, photo, photos
from program import at_once, is_refused, uavloc, works

from uavloc.calibration import Board, calibrate
from uavloc.camera import load_camera
from uavloc.errors import InputError, UavlocError, UsageError


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
