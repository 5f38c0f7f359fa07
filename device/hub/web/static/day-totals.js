// The day as a line of colour: five minutes a piece, the last 24 hours, kept up by the stream of changes.

import { ask } from "/api.js";
import { slotColour } from "/room.js";
import { EMPTY } from "/palette.js";
import { MOODS, WORDS, clock } from "/strings.js";

const STEP_S = 300;
const AGAIN_MS = 5 * 60 * 1000;
const LATER_MS = 4000;
const line = document.getElementById("day-line");
const hours = document.getElementById("day-hours");
let timer = 0;
let asking = false;

/** Ask for the slots of the history since `since`, each `step` seconds; null when they cannot be had. */
export async function slotsSince(since, step) {
  const answer = await ask(`/api/history/slots?since=${since}&step_s=${step}`);
  return answer && answer.document;
}

/** "happy 2.5 h, sad 20 min": the longest first. */
export function totals(slots) {
  const sums = {};
  for (const slot of slots) for (const [name, seconds] of Object.entries(slot.mood)) {
    sums[name] = (sums[name] || 0) + seconds;
  }
  return Object.entries(sums).sort((a, b) => b[1] - a[1]).filter(([, seconds]) => seconds >= 60)
    .map(([name, seconds]) => WORDS.share(MOODS[name], seconds / 3600)).join(", ");
}

// There is one timer: each that is set takes the place of the one before.
function later(ms) {
  clearTimeout(timer);
  timer = setTimeout(draw, ms);
}

async function draw() {
  if (asking) return later(LATER_MS); // what changed after the question is in the next answer
  asking = true;
  later(AGAIN_MS);
  const found = await slotsSince("24h", STEP_S);
  asking = false;
  if (!found) return;
  // Stretches of one colour are one piece: a day is some dozens of them, not 288.
  const pieces = [];
  for (const slot of found.slots) {
    const colour = slotColour(slot) || (slot.unseen > STEP_S / 2 ? "" : EMPTY);
    const before = pieces[pieces.length - 1];
    if (before && before.colour === colour) before.count += 1;
    else pieces.push({ colour, count: 1 });
  }
  line.replaceChildren(...pieces.map(({ colour, count }) => {
    const piece = document.createElement("i");
    piece.style.flexGrow = count;
    piece.style.background = colour;
    return piece;
  }));
  line.setAttribute("aria-label", WORDS.dayLine(totals(found.slots)));
  hours.replaceChildren(...[24, 18, 12, 6, 0].map((back) => {
    const mark = document.createElement("span");
    mark.textContent = clock(found.until_s - 3600 * back);
    return mark;
  }));
}

/** Draw it anew soon: something has changed. */
export function refresh() {
  later(LATER_MS);
}

draw();
