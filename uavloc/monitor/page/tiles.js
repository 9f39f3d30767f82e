// What lies below the live page: the tiles of the cache, fetched as they come into view.
const TILES_KEPT = 600, TILES_AT_ONCE = 400;
const tiles = new Map();

function tileAt(zoom, column, row) {
  const address = `/tiles/${data.map.key}/${zoom}/${column}/${row}`;
  let tile = tiles.get(address);
  if (!tile) {
    tile = new Image();
    tile.addEventListener("load", paintMap);
    tile.src = address;
  }
  tiles.delete(address);
  tiles.set(address, tile);
  if (tiles.size > TILES_KEPT) tiles.delete(tiles.keys().next().value);
  return tile.complete && tile.naturalWidth ? tile : null;
}

// The zoom whose pixels are about those of the screen; coarser while that would be too many tiles.
function zoomShown(width, height) {
  const { zoom, zooms, tilePx } = data.map;
  let shownZoom = Math.round(zoom + Math.log2(view.scale * (window.devicePixelRatio || 1)));
  const many = (z) => (width / view.scale / 2 ** (zoom - z) / tilePx + 1) * (height / view.scale / 2 ** (zoom - z) / tilePx + 1);
  while (shownZoom > zooms[0] && many(shownZoom) > TILES_AT_ONCE) shownZoom--;
  return Math.max(zooms[0], Math.min(zooms[1], shownZoom));
}

function paintGround(width, height) {
  const { zoom, origin, box, tilePx } = data.map;
  const shownZoom = zoomShown(width, height), factor = 2 ** (zoom - shownZoom), side = tilePx * factor;
  const left = Math.max(box[0], view.x), right = Math.min(box[2], view.x + width / view.scale);
  const top = Math.max(box[1], view.y), bottom = Math.min(box[3], view.y + height / view.scale);
  if (left >= right || top >= bottom) return;
  for (let row = Math.floor((top + origin[1]) / side); row * side < bottom + origin[1]; row++) {
    for (let column = Math.floor((left + origin[0]) / side); column * side < right + origin[0]; column++) {
      const tile = tileAt(shownZoom, column, row);
      if (!tile) continue;
      const [x, y] = toScreen([column * side - origin[0], row * side - origin[1]]);
      pen.drawImage(tile, x, y, side * view.scale + 0.5, side * view.scale + 0.5);
    }
  }
  pen.fillStyle = "rgba(14,17,20,0.3)";
  pen.fillRect(0, 0, width, height);
}

function geoFromPixel([x, y]) {
  const world = data.map.tilePx * 2 ** data.map.zoom;
  const [u, v] = [(x + data.map.origin[0]) / world, (y + data.map.origin[1]) / world];
  return [(Math.atan(Math.sinh(Math.PI * (1 - 2 * v))) * 180) / Math.PI, u * 360 - 180];
}

function pixelFromGeo(lat, lon) {
  const world = data.map.tilePx * 2 ** data.map.zoom, turn = (lat * Math.PI) / 180;
  const v = 0.5 - Math.asinh(Math.tan(turn)) / (2 * Math.PI);
  return [((lon + 180) / 360) * world - data.map.origin[0], v * world - data.map.origin[1]];
}
