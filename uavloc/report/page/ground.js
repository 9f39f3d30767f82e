// What lies below a report: one picture of the map.
const ground = new Image();

function paintGround(width, height) {
  if (!ground.complete || !ground.naturalWidth) return;
  const [x, y] = toScreen([0, 0]);
  pen.drawImage(ground, x, y, data.map.width * view.scale, data.map.height * view.scale);
  pen.fillStyle = "rgba(14,17,20,0.3)";
  pen.fillRect(0, 0, width, height);
}
