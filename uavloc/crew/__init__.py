"""Who does the work of a build: this process, several on this machine, or a cluster. All do the same chunks."""

from __future__ import annotations

from uavloc.crew.alone import Alone
from uavloc.crew.chunks import Chunk, Kit, Made
from uavloc.crew.cluster import Cluster
from uavloc.crew.crew import Crew, MakeKit
from uavloc.crew.processes import MAX_WORKERS, Processes

__all__ = ["MAX_WORKERS", "Alone", "Chunk", "Cluster", "Crew", "Kit", "Made", "MakeKit", "Processes"]
