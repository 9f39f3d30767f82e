"""Photos of printed boards, as a lens that is known sees them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from uavloc.calibration import Board

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
