"""What the colours of a track picture mean, and the panel that says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import cv2
import numpy as np

from uavloc.publish.drawing import GREY, INK, WHITE, Color, draw_dot, draw_line, draw_ring, draw_text
from uavloc.types import Estimate, Outcome, Pixels

FIX: Color = (64, 224, 160)
DEAD_RECKONED: Color = (255, 165, 0)
TRUTH: Color = WHITE
ELLIPSE: Color = (255, 236, 130)
FALSE: Color = (255, 40, 40)
OUTCOMES: dict[Outcome, Color] = {
    Outcome.FIX: FIX,
    Outcome.GATED: (255, 64, 64),
    Outcome.AMBIGUOUS: (214, 120, 255),
    Outcome.LOW_SCORE: (255, 110, 180),
    Outcome.LOW_TEXTURE: (120, 180, 255),
}
OTHER: Color = (150, 150, 160)
"""Colour of the outcomes in which the map was not even asked."""

_WIDTH_PX = 320
_STEP_PX = 34


def legend(estimates: Sequence[Estimate], with_truth: bool, false_positions: int, height_px: int) -> Pixels:
    """A panel (height_px x 320 x 3) that explains the colours and counts the frames behind them."""
    panel = np.full((height_px, _WIDTH_PX, 3), INK, np.uint8)
    draw_text(panel, "Flight over the map", (24, 48), WHITE, 0.72)
    y = _line_keys(panel, with_truth, 92)
    y = _rule(panel, y)
    y = _outcome_keys(panel, estimates, y)
    y = _rule(panel, y)
    _notes(panel, estimates, false_positions if with_truth else None, y)
    return panel


def _line_keys(panel: Pixels, with_truth: bool, y: int) -> int:
    """Keys of the lines; returns where the next key goes."""
    lines = [("estimate with a fix", FIX, 3), ("estimate, dead-reckoned", DEAD_RECKONED, 3)]
    lines += [("truth", TRUTH, 2)] if with_truth else []
    lines += [("claimed 95 % ellipse", ELLIPSE, 1)]
    for label, color, thickness in lines:
        draw_line(panel, [(24, y - 6), (64, y - 6)], color, thickness)
        draw_text(panel, label, (80, y), WHITE)
        y += _STEP_PX
    return y


def _outcome_keys(panel: Pixels, estimates: Sequence[Estimate], y: int) -> int:
    """One key per outcome that occurred, the most frequent first; returns where the next key goes."""
    for outcome, count in Counter(estimate.outcome for estimate in estimates).most_common():
        draw_dot(panel, (44, y - 6), OUTCOMES.get(outcome, OTHER), 6)
        draw_text(panel, str(outcome), (80, y), WHITE)
        draw_text(panel, str(count), (_WIDTH_PX - 70, y), GREY)
        y += _STEP_PX
    return y


def _notes(panel: Pixels, estimates: Sequence[Estimate], false_positions: int | None, y: int) -> None:
    published = sum(estimate.point is not None for estimate in estimates)
    draw_text(panel, f"{published} of {len(estimates)} frames with a position", (24, y), GREY, 0.5)
    if false_positions is not None:
        draw_ring(panel, (44, y + _STEP_PX - 6), FALSE, 8)
        draw_text(panel, f"{false_positions} more than 50 m off", (80, y + _STEP_PX), GREY, 0.5)


def _rule(panel: Pixels, y: int) -> int:
    cv2.line(panel, (24, y - 6), (_WIDTH_PX - 24, y - 6), (70, 74, 82), 1, cv2.LINE_AA)
    return y + 28
