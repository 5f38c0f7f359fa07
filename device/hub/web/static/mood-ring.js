// The mood as a ring of soft light: arousal sets how far and how fast it moves, valence how round and high it is, the
// mood its colour. Drawn small, a few times a second, and scaled up by the browser: calm, and little work.

import { COLOURS, channels } from "/palette.js";

const HEIGHT = 240; // px, the canvas's height
const MAX_ASPECT = 2.2; // width / height
const MARGIN = 32; // px between the ring and the edge
const GLOW = [2.5, 5, 8, 12, 16, 20, 25, 30]; // px, the widths of the strokes
const POINTS = 72;
const FRAME_MS = 160; // while the mood stays the same
const TRANSITION_FRAME_MS = 60; // while it changes
const TRANSITION_S = 2.5;
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

const canvas = document.getElementById("shape");
const context = canvas.getContext("2d", { alpha: true });
const now = () => performance.now() / 1000;

let target = { colour: channels(COLOURS.unknown), valence: 0, arousal: -0.6, confidence: 0.3 };
let shown = { ...target };
let transitionEnd = 0; // s
let phase = 0;
let last = now();
let timer = 0;
let width = HEIGHT;

function radius(angle) {
  const amplitude = 0.015 + 0.035 * (shown.arousal + 1) / 2;
  const spiky = Math.max(-shown.valence, 0);
  return 1 + amplitude * (
    Math.sin(2 * angle + phase) + 0.7 * Math.sin(3 * angle - 1.3 * phase) +
    (0.35 + 0.6 * spiky) * Math.sin(5 * angle + 1.9 * phase)
  );
}

// A superellipse leaves more room for a word than an ellipse.
const superellipse = (share) => Math.sign(share) * Math.abs(share) ** 0.78;

function outline(breath) {
  context.beginPath();
  for (let i = 0; i <= POINTS; i += 1) {
    const angle = (2 * Math.PI * i) / POINTS;
    const r = breath * radius(angle);
    // Fills the frame, at the same distance from every edge.
    const x = width / 2 + r * (width / 2 - MARGIN) * superellipse(Math.cos(angle));
    const y = HEIGHT / 2 - 0.01 * HEIGHT * shown.valence + r * (HEIGHT / 2 - MARGIN) * superellipse(Math.sin(angle));
    context.lineTo(x, y);
  }
  context.closePath();
}

function draw() {
  const breath = 1 + 0.02 * Math.sin(0.8 * phase);
  const [r, g, b] = shown.colour.map(Math.round);
  context.clearRect(0, 0, width, HEIGHT);
  outline(breath);
  for (let i = GLOW.length - 1; i >= 0; i -= 1) {
    context.lineWidth = GLOW[i];
    context.strokeStyle = `rgba(${r}, ${g}, ${b}, ${(0.03 + 0.85 / (1 + GLOW[i])) * (0.45 + 0.55 * shown.confidence)})`;
    context.stroke();
  }
}

function step() {
  const time = now();
  const elapsed = Math.min(time - last, 1);
  last = time;
  const share = 1 - Math.exp(-elapsed / 0.7);
  for (const key of ["valence", "arousal", "confidence"]) shown[key] += share * (target[key] - shown[key]);
  shown.colour = shown.colour.map((value, i) => value + share * (target.colour[i] - value));
  phase += elapsed * (0.25 + 0.9 * (shown.arousal + 1) / 2);
  draw();
  schedule();
}

function schedule() {
  clearTimeout(timer);
  if (document.hidden || canvas.offsetParent === null) return; // not visible: no work at all
  if (reducedMotion.matches) {
    if (now() < transitionEnd) timer = setTimeout(step, FRAME_MS);
    return;
  }
  timer = setTimeout(step, now() < transitionEnd ? TRANSITION_FRAME_MS : FRAME_MS);
}

/** Change to a mood of the state; null for nobody. */
export function setMood(mood) {
  const next = {
    colour: channels(COLOURS[mood ? mood.emotion : "unknown"]),
    valence: mood ? mood.valence : 0,
    arousal: mood ? mood.arousal : -0.9,
    confidence: mood && mood.people ? mood.confidence : 0.15,
  };
  if (String(next.colour) !== String(target.colour)) transitionEnd = now() + TRANSITION_S;
  target = next;
  if (reducedMotion.matches) {
    shown = { ...target };
    draw();
  }
  resume();
}

/** Draw again after the ring was hidden. */
export function resume() {
  last = now();
  schedule();
}

new ResizeObserver(([{ contentRect: frame }]) => {
  width = Math.round(HEIGHT * Math.min(Math.max(frame.width / Math.max(frame.height, 1), 1), MAX_ASPECT));
  canvas.width = width;
  draw();
}).observe(canvas.parentElement);
document.addEventListener("visibilitychange", resume);
reducedMotion.addEventListener("change", resume);
