// The living shape: a ring of soft light. Arousal is how far and how fast it moves, valence how round and high it is,
// the mood its colour. Drawn small and let grow by the browser, a few times a second: calm, and next to no work.

import { COLOURS, channels } from "/palette.js";

const SIDE = 240; // px, the canvas's height
const WIDEST = 2.2; // its width at most, in heights
const MARGIN = 32; // px from the edge to where it rests
const GLOW = [2.5, 5, 8, 12, 16, 20, 25, 30]; // px, the widths of its strokes
const POINTS = 72;
const REST_MS = 160; // between two pictures of a resting mood
const TURN_MS = 60; // while it turns into another
const TURN_S = 2.5;
const still = matchMedia("(prefers-reduced-motion: reduce)");

const canvas = document.getElementById("shape");
const context = canvas.getContext("2d", { alpha: true });
const now = () => performance.now() / 1000;

let target = { colour: channels(COLOURS.unknown), valence: 0, arousal: -0.6, sure: 0.3 };
let shown = { ...target };
let turning = 0; // until when, s
let phase = 0;
let last = now();
let timer = 0;
let width = SIDE;

function radius(angle) {
  const wild = 0.015 + 0.035 * (shown.arousal + 1) / 2;
  const spiky = Math.max(-shown.valence, 0);
  return 1 + wild * (
    Math.sin(2 * angle + phase) + 0.7 * Math.sin(3 * angle - 1.3 * phase) +
    (0.35 + 0.6 * spiky) * Math.sin(5 * angle + 1.9 * phase)
  );
}

// A superellipse: more room for a word than an ellipse has.
const full = (share) => Math.sign(share) * Math.abs(share) ** 0.78;

function outline(breath) {
  context.beginPath();
  for (let i = 0; i <= POINTS; i += 1) {
    const angle = (2 * Math.PI * i) / POINTS;
    const r = breath * radius(angle);
    // As wide as the words in it need, the same distance from every edge.
    const x = width / 2 + r * (width / 2 - MARGIN) * full(Math.cos(angle));
    const y = SIDE / 2 - 0.01 * SIDE * shown.valence + r * (SIDE / 2 - MARGIN) * full(Math.sin(angle));
    context.lineTo(x, y);
  }
  context.closePath();
}

function draw() {
  const breath = 1 + 0.02 * Math.sin(0.8 * phase);
  const [r, g, b] = shown.colour.map(Math.round);
  context.clearRect(0, 0, width, SIDE);
  outline(breath);
  for (let i = GLOW.length - 1; i >= 0; i -= 1) {
    context.lineWidth = GLOW[i];
    context.strokeStyle = `rgba(${r}, ${g}, ${b}, ${(0.03 + 0.85 / (1 + GLOW[i])) * (0.45 + 0.55 * shown.sure)})`;
    context.stroke();
  }
}

function step() {
  const time = now();
  const passed = Math.min(time - last, 1);
  last = time;
  const share = 1 - Math.exp(-passed / 0.7);
  for (const key of ["valence", "arousal", "sure"]) shown[key] += share * (target[key] - shown[key]);
  shown.colour = shown.colour.map((value, i) => value + share * (target.colour[i] - value));
  phase += passed * (0.25 + 0.9 * (shown.arousal + 1) / 2);
  draw();
  schedule();
}

function schedule() {
  clearTimeout(timer);
  if (document.hidden || canvas.offsetParent === null) return; // nobody sees it: no work at all
  if (still.matches) {
    if (now() < turning) timer = setTimeout(step, REST_MS);
    return;
  }
  timer = setTimeout(step, now() < turning ? TURN_MS : REST_MS);
}

/** What it turns into: a mood of the state, or null for nobody. */
export function become(mood) {
  const next = {
    colour: channels(COLOURS[mood ? mood.emotion : "unknown"]),
    valence: mood ? mood.valence : 0,
    arousal: mood ? mood.arousal : -0.9,
    sure: mood && mood.people ? mood.confidence : 0.15,
  };
  if (String(next.colour) !== String(target.colour)) turning = now() + TURN_S;
  target = next;
  if (still.matches) {
    shown = { ...target };
    draw();
  }
  wake();
}

/** Begin again after it was out of sight. */
export function wake() {
  last = now();
  schedule();
}

new ResizeObserver(([{ contentRect: frame }]) => {
  width = Math.round(SIDE * Math.min(Math.max(frame.width / Math.max(frame.height, 1), 1), WIDEST));
  canvas.width = width;
  draw();
}).observe(canvas.parentElement);
document.addEventListener("visibilitychange", wake);
still.addEventListener("change", wake);
