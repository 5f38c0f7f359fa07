// The live view: the camera's picture with what was found in it. Asked for only while this view is shown.

import { COLOURS } from "/palette.js";
import { onView } from "/views.js";
import { MOODS, WORDS, percent } from "/strings.js";

const AGAIN_MS = 2000;
const SILENT_MS = 5000; // while a picture is due: an older one is not shown as the present
const CROP_PX = 48;
const TOP = 3;
const canvas = document.getElementById("picture");
const context = canvas.getContext("2d");
const said = document.getElementById("live-said");
const seen = document.getElementById("seen");
let socket = null;
let wanted = false;
let busy = false;
let allowed = false;
let due = 0; // the timer of the next picture
let blanked = 0; // how often: what was being decoded meanwhile is not drawn
let times = [];

function tell(text) {
  if (said.textContent !== text) said.textContent = text;
}

function open() {
  if (!wanted || socket) return;
  if (!allowed) {
    tell(WORDS.liveOff);
    return;
  }
  tell(WORDS.liveWaiting);
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/live`);
  socket.binaryType = "arraybuffer";
  socket.onmessage = (message) => {
    clearTimeout(due);
    // After the word that there is no picture, the hub has nothing to say until there is one.
    if (typeof message.data !== "string") due = setTimeout(lookAgain, SILENT_MS);
    take(message.data);
  };
  socket.onclose = lookAgain;
  due = setTimeout(lookAgain, SILENT_MS);
}

// A line that is dead never ends by itself, and its goodbye is never answered: it is not waited for.
function hangUp() {
  clearTimeout(due);
  if (socket) {
    socket.onmessage = socket.onclose = null;
    socket.close();
    socket = null;
  }
  blank();
}

/** The line is lost, or may be: nothing of it is left standing, and it is tried again. */
export function lookAgain() {
  if (!socket) return;
  hangUp();
  tell(WORDS.liveLost);
  setTimeout(open, AGAIN_MS);
}

canvas.setAttribute("aria-label", WORDS.livePicture(0));

function blank() {
  blanked += 1;
  context.clearRect(0, 0, canvas.width, canvas.height);
  seen.replaceChildren();
  times = [];
}

async function take(data) {
  if (typeof data === "string") { // the picture has ended, and this says why
    blank();
    tell(JSON.parse(data).why);
    return;
  }
  if (busy) return; // the newest counts; who draws slowly skips
  busy = true;
  const before = blanked;
  try {
    const length = new DataView(data).getUint32(0);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
    const picture = await createImageBitmap(new Blob([new Uint8Array(data, 4 + length)], { type: "image/jpeg" }));
    if (blanked === before) draw(header, picture);
    picture.close();
  } finally {
    busy = false;
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
  while (seen.children.length > header.faces.length) seen.lastChild.remove();
  while (seen.children.length < header.faces.length) seen.append(card());
  header.faces.forEach((face, i) => fill(seen.children[i], face));
  const now = performance.now();
  times = [...times.filter((time) => now - time < 2000), now];
  tell(WORDS.liveShown(Math.round(times.length / 2), header.faces.length));
}

function card() {
  const item = document.createElement("li");
  const crop = document.createElement("canvas");
  crop.width = crop.height = CROP_PX;
  crop.setAttribute("role", "img");
  crop.setAttribute("aria-label", WORDS.seenAs);
  const text = document.createElement("p");
  item.append(crop, text);
  return item;
}

function fill(item, face) {
  const [crop, text] = item.children;
  const gray = atob(face.crop);
  const pixels = new ImageData(CROP_PX, CROP_PX);
  for (let i = 0; i < CROP_PX * CROP_PX; i += 1) {
    pixels.data.fill(gray.charCodeAt(i), 4 * i, 4 * i + 3);
    pixels.data[4 * i + 3] = 255;
  }
  crop.getContext("2d").putImageData(pixels, 0, 0);
  const best = Object.entries(face.probabilities).sort((a, b) => b[1] - a[1]).slice(0, TOP);
  text.textContent = [...best.map(([name, share]) => `${MOODS[name]} ${percent(share)}`), WORDS.quality(face.quality)]
    .join("\n");
}

/** Whether the settings allow it, and whether the camera is on. */
export function showLive(state) {
  const before = allowed;
  allowed = state.kiosk.live_view;
  if (wanted && allowed !== before) open();
  if (wanted && socket && state.sense.available && (state.sense.paused || state.sense.camera === false)) {
    blank();
    tell(WORDS.liveClosed);
  }
}

onView("live", () => {
  wanted = true;
  open();
}, () => {
  wanted = false;
  hangUp();
});
