// What was: a day by hours as columns, a week as a grid of hours. Touch an hour to read it.

import { slotsSince, totals } from "/day-totals.js";
import { COLOURS, EMPTY } from "/palette.js";
import { slotColour } from "/room.js";
import { onView } from "/views.js";
import { MOODS, WORDS, clock, weekday } from "/strings.js";

const HOUR_S = 3600;
const $ = (id) => document.getElementById(id);
let span = "day";

const element = (name, className, text = "") => {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
};

function words(slot) {
  const held = totals([slot]);
  const quiet = [[slot.nobody, WORDS.nobodyThere], [slot.unseen, WORDS.unseen]]
    .filter(([seconds]) => seconds >= 60).map(([seconds, name]) => WORDS.share(name, seconds / HOUR_S));
  return [held, ...quiet].filter(Boolean).join(", ");
}

function hourButton(slot, className) {
  const button = element("button", className);
  button.type = "button";
  const moment = span === "day" ? clock(slot.start_s) : `${weekday(slot.start_s)} ${clock(slot.start_s)}`;
  const text = WORDS.slot(moment, words(slot));
  button.setAttribute("aria-label", text);
  button.addEventListener("click", () => { $("history-said").textContent = text; });
  return button;
}

function column(slot) {
  const button = hourButton(slot, "column");
  const stack = element("span", "stack");
  for (const name of Object.keys(COLOURS)) {
    if (!slot.mood[name]) continue;
    const part = element("i", "");
    part.style.height = `${(100 * slot.mood[name]) / HOUR_S}%`;
    part.style.background = COLOURS[name];
    stack.append(part);
  }
  const hour = new Date(1000 * slot.start_s).getHours();
  button.append(stack, element("b", "", hour % 3 ? "" : String(hour)));
  return button;
}

function week(slots) {
  const days = new Map();
  for (const slot of slots) {
    const key = new Date(1000 * slot.start_s).toDateString();
    if (!days.has(key)) days.set(key, []);
    days.get(key).push(slot);
  }
  return [...days.values()].map((hours) => {
    const row = element("div", "row");
    row.append(element("b", "", weekday(hours[0].start_s)));
    const places = hours.map((slot) => new Date(1000 * slot.start_s).getHours());
    for (const [i, slot] of hours.entries()) {
      const cell = hourButton(slot, "cell");
      const there = Object.values(slot.mood).reduce((sum, seconds) => sum + seconds, 0);
      cell.style.background = slotColour(slot) || EMPTY;
      cell.style.opacity = there ? 0.35 + (0.65 * there) / HOUR_S : slot.unseen > HOUR_S / 2 ? 0.25 : 1;
      // At a change of the clock an hour stands twice, or not at all. Each keeps its own hour's place; two share it.
      cell.style.gridColumn = places[i] + 2;
      if (places[i + 1] === places[i]) cell.style.marginRight = "50%";
      if (places[i - 1] === places[i]) cell.style.marginLeft = "50%";
      cell.style.gridRow = 1;
      row.append(cell);
    }
    return row;
  });
}

async function load() {
  // Whole hours of the wall clock, the one under way last.
  const begin = new Date();
  begin.setMinutes(0, 0, 0);
  const first = begin.getTime() / 1000 - (span === "day" ? 23 : 7 * 24 - 1) * HOUR_S;
  const asked = span;
  const found = await slotsSince(first, HOUR_S);
  if (asked !== span) return;
  $("chart").className = span;
  $("chart").setAttribute("aria-label", WORDS.chart(span === "day" ? WORDS.day : WORDS.week));
  $("history-said").textContent = found ? totals(found.slots) || WORDS.pick : WORDS.failed;
  if (found) $("chart").replaceChildren(...(span === "day" ? found.slots.map(column) : week(found.slots)));
}

for (const name of ["day", "week"]) {
  $(`span-${name}`).textContent = WORDS[name];
  $(`span-${name}`).addEventListener("click", () => {
    span = name;
    for (const one of ["day", "week"]) $(`span-${one}`).setAttribute("aria-pressed", String(one === name));
    load();
  });
}
$("export").textContent = WORDS.exported;
$("legend").append(...Object.entries(COLOURS).map(([name, colour]) => {
  const item = element("li", "");
  const dot = element("i", "");
  dot.style.background = colour;
  item.append(dot, MOODS[name]);
  return item;
}));
onView("history", load);
