// The last 24 hours as a line of colour, five minutes a piece. Drawn again after each change of the mood.

import { getJson } from "/api.js";
import { slotColour } from "/room.js";
import { EMPTY } from "/palette.js";
import { MOODS, WORDS, clock } from "/strings.js";

const STEP_S = 300;
const INTERVAL_MS = 5 * 60 * 1000;
const DELAY_MS = 4000;
const line = document.getElementById("day-line");
const hours = document.getElementById("day-hours");
let timer = 0;
let loading = false;

/** The history since `since` in slots of `step` seconds; null when it cannot be loaded. */
export async function getSlots(since, step) {
  const answer = await getJson(`/api/history/slots?since=${since}&step_s=${step}`);
  return answer && answer.document;
}

/** "happy 2.5 h, sad 20 min": the longest first. */
export function describeTotals(slots) {
  const sums = {};
  for (const slot of slots) for (const [name, seconds] of Object.entries(slot.mood)) {
    sums[name] = (sums[name] || 0) + seconds;
  }
  return Object.entries(sums).sort((a, b) => b[1] - a[1]).filter(([, seconds]) => seconds >= 60)
    .map(([name, seconds]) => WORDS.share(MOODS[name], seconds / 3600)).join(", ");
}

// There is only one timer: scheduling again replaces it.
function schedule(ms) {
  clearTimeout(timer);
  timer = setTimeout(draw, ms);
}

async function draw() {
  if (loading) return schedule(DELAY_MS); // what changed after the request is in the next answer
  loading = true;
  schedule(INTERVAL_MS);
  const answer = await getSlots("24h", STEP_S);
  loading = false;
  if (!answer) return;
  // Neighbouring slots of one colour become one element: a day has some dozens of them, not 288.
  const pieces = [];
  for (const slot of answer.slots) {
    const colour = slotColour(slot) || (slot.unseen > STEP_S / 2 ? "" : EMPTY);
    const previous = pieces[pieces.length - 1];
    if (previous && previous.colour === colour) previous.count += 1;
    else pieces.push({ colour, count: 1 });
  }
  line.replaceChildren(...pieces.map(({ colour, count }) => {
    const piece = document.createElement("i");
    piece.style.flexGrow = count;
    piece.style.background = colour;
    return piece;
  }));
  line.setAttribute("aria-label", WORDS.dayLine(describeTotals(answer.slots)));
  hours.replaceChildren(...[24, 18, 12, 6, 0].map((back) => {
    const mark = document.createElement("span");
    mark.textContent = clock(answer.until_s - 3600 * back);
    return mark;
  }));
}

/** Draw the line again soon: the mood has changed. */
export function refresh() {
  schedule(DELAY_MS);
}

draw();
