"""The shapes a plan is built for: what the card allows, as (least, usual, most) per input."""

from __future__ import annotations

from typing import TypeAlias

from uavloc.card import EngineCard, ProfileFacts

Shape: TypeAlias = "tuple[int, int, int, int]"
Shapes: TypeAlias = "dict[str, tuple[Shape, Shape, Shape]]"


def plan_shapes(card: EngineCard) -> Shapes:
    """(least, usual, most) N x K x H x W of every input: the profile within the batch, size and window of the card."""
    profile = card.profile or ProfileFacts()
    pictures = [min(n, card.input.batch or n) for n in profile.pictures]
    sides = [card.input.size_px] * 3 if card.input.size_px else _with_window(list(profile.side_px), card)
    planes = {card.input.image: 1 if card.input.colour == "grey" else 3}
    if card.input.mask is not None:
        planes[card.input.mask] = 1
    least, usual, most = zip(pictures, sides, strict=True)
    return {
        name: ((least[0], k, least[1], least[1]), (usual[0], k, usual[1], usual[1]), (most[0], k, most[1], most[1]))
        for name, k in planes.items()
    }


def shapes_in_words(shapes: Shapes) -> str:
    """`image:1x1x64x64/12x1x320x320/32x1x768x768`, inputs in the order of their names."""
    return ",".join(
        f"{name}:" + "/".join("x".join(map(str, shape)) for shape in shapes[name]) for name in sorted(shapes)
    )


def _with_window(sides: list[int], card: EngineCard) -> list[int]:
    if card.global_head is not None:
        sides = [min(sides[0], card.global_head.window_px), sides[1], max(sides[2], card.global_head.window_px)]
    return sides
