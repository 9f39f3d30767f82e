"""The report of a flight: one HTML file that needs nothing else, not even a network."""

from uavloc.report.content import Content, FramePictures, GroundPicture, MapPicture
from uavloc.report.html import report_html

__all__ = ["Content", "FramePictures", "GroundPicture", "MapPicture", "report_html"]
