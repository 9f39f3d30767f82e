"""Maps on servers: XYZ and TMS tiles, WMTS and WMS."""
