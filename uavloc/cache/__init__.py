"""The tile cache as a file: what is in it, who made it, caches from caches. In flight `uavloc/tiles.py` reads it."""
