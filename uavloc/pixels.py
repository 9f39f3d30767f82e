"""Colour to grey, the same on the map and on the frame: what an engine compares must not differ by how it got grey."""

from __future__ import annotations

import cv2
import numpy as np

from uavloc.types import Pixels


def grey(image: Pixels) -> Pixels:
    """H x W grey picture of a grey or RGB one: luma after ITU-R BT.601."""
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
