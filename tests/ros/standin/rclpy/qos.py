"""Qualities of service."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ReliabilityPolicy(Enum):
    RELIABLE, BEST_EFFORT = 1, 2


class DurabilityPolicy(Enum):
    TRANSIENT_LOCAL, VOLATILE = 1, 2


class HistoryPolicy(Enum):
    KEEP_LAST, KEEP_ALL = 1, 2


@dataclass(frozen=True, kw_only=True)
class QoSProfile:
    depth: int
    history: HistoryPolicy = HistoryPolicy.KEEP_LAST
    reliability: ReliabilityPolicy = ReliabilityPolicy.RELIABLE
    durability: DurabilityPolicy = DurabilityPolicy.VOLATILE


qos_profile_sensor_data = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
