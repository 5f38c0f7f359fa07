// The live view: the camera's picture with the faces found in it. The socket is open only while the view is shown.

import { COLOURS } from "/palette.js";
import { onView } from "/views.js";
import { MOODS, WORDS, percent } from "/strings.js";

const RETRY_MS = 2000;
const TIMEOUT_MS = 5000; // without a new picture: an older one is not shown as the present
const CROP_PX = 48;
const TOP_COUNT = 3;
const canvas = document.getElementById("picture");
const context = canvas.getContext("2d");
const status = document.getElementById("live-status");
const cards = document.getElementById("face-cards");
let socket = null;
let visible = false;
let decoding = false;
let allowed = false;
let timer = 0; // runs out when no picture comes
let clearCount = 0; // a picture that was being decoded when it rose is not drawn
let times = [];

function showStatus(text) {
  if (status.textContent !== text) status.textContent = text;
}

function open() {
  if (!visible || socket) return;
  if (!allowed) {
    showStatus(WORDS.liveOff);
    return;
  }
  showStatus(WORDS.liveWaiting);
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/live`);
  socket.binaryType = "arraybuffer";
  socket.onmessage = (message) => {
    clearTimeout(timer);
    // After a text (there is no picture), the hub sends nothing until there is one.
    if (typeof message.data !== "string") timer = setTimeout(reconnect, TIMEOUT_MS);
    receive(message.data);
  };
  socket.onclose = reconnect;
  timer = setTimeout(reconnect, TIMEOUT_MS);
}

// Does not wait for the close handshake: on a dead connection it never ends.
function close() {
  clearTimeout(timer);
  if (socket) {
    socket.onmessage = socket.onclose = null;
    socket.close();
    socket = null;
  }
  clear();
}

/** Remove the picture, since the connection is or may be lost, and try again. */
export function reconnect() {
  if (!socket) return;
  close();
  showStatus(WORDS.liveLost);
  setTimeout(open, RETRY_MS);
}

canvas.setAttribute("aria-label", WORDS.livePicture(0));

function clear() {
  clearCount += 1;
  context.clearRect(0, 0, canvas.width, canvas.height);
  cards.replaceChildren();
  times = [];
}

async function receive(data) {
  if (typeof data === "string") { // there is no picture any more; the text says why
    clear();
    showStatus(JSON.parse(data).why);
    return;
  }
  if (decoding) return; // a slow device skips pictures
  decoding = true;
  const countBefore = clearCount;
  try {
    const length = new DataView(data).getUint32(0);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
    const picture = await createImageBitmap(new Blob([new Uint8Array(data, 4 + length)], { type: "image/jpeg" }));
    if (clearCount === countBefore) draw(header, picture);
    picture.close();
  } finally {
    decoding = false;
  }
}

function draw(header, picture) {
  if (canvas.width !== header.width || canvas.height !== header.height) {
    canvas.width = header.width;
    canvas.height = header.height;
  }
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const size = Math.round(canvas.height / 24);
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.lineWidth = Math.max(canvas.height / 200, 2);
  for (const face of header.faces) {
    const [x, y, width, height] = face.box;
    const label = `${MOODS[face.emotion]} ${percent(face.confidence)}`;
    context.strokeStyle = COLOURS[face.emotion];
    context.strokeRect(x, y, width, height);
    context.fillStyle = "rgba(16, 19, 24, 0.8)";
    context.fillRect(x, y - 1.5 * size, context.measureText(label).width + size, 1.5 * size);
    context.fillStyle = COLOURS[face.emotion];
    context.fillText(label, x + size / 2, y - size / 2);
  }
  canvas.setAttribute("aria-label", WORDS.livePicture(header.faces.length));
  while (cards.children.length > header.faces.length) cards.lastChild.remove();
  while (cards.children.length < header.faces.length) cards.append(createCard());
  header.faces.forEach((face, i) => fillCard(cards.children[i], face));
  const now = performance.now();
  times = [...times.filter((time) => now - time < 2000), now];
  showStatus(WORDS.liveRate(Math.round(times.length / 2), header.faces.length));
}

function createCard() {
  const item = document.createElement("li");
  const crop = document.createElement("canvas");
  crop.width = crop.height = CROP_PX;
  crop.setAttribute("role", "img");
  crop.setAttribute("aria-label", WORDS.networkInput);
  const text = document.createElement("p");
  item.append(crop, text);
  return item;
}

function fillCard(item, face) {
  const [crop, text] = item.children;
  const gray = atob(face.crop);
  const pixels = new ImageData(CROP_PX, CROP_PX);
  for (let i = 0; i < CROP_PX * CROP_PX; i += 1) {
    pixels.data.fill(gray.charCodeAt(i), 4 * i, 4 * i + 3);
    pixels.data[4 * i + 3] = 255;
  }
  crop.getContext("2d").putImageData(pixels, 0, 0);
  const best = Object.entries(face.probabilities).sort((a, b) => b[1] - a[1]).slice(0, TOP_COUNT);
  text.textContent = [...best.map(([name, share]) => `${MOODS[name]} ${percent(share)}`), WORDS.quality(face.quality)]
    .join("\n");
}

/** Follow the state: whether the settings allow the live view, and whether the camera is on. */
export function showLive(state) {
  const before = allowed;
  allowed = state.kiosk.live_view;
  if (visible && allowed !== before) open();
  if (visible && socket && state.sense.available && (state.sense.paused || state.sense.camera === false)) {
    clear();
    showStatus(WORDS.liveCameraOff);
  }
}

onView("live", () => {
  visible = true;
  open();
}, () => {
  visible = false;
  close();
});
