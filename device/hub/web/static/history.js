// The history: a day as 24 columns, a week as a grid of hours. Tap an hour to read it.

import { describeTotals, getSlots } from "/day-totals.js";
import { COLOURS, EMPTY } from "/palette.js";
import { slotColour } from "/room.js";
import { onView } from "/views.js";
import { MOODS, WORDS, clock, weekday } from "/strings.js";

const HOUR_S = 3600;
const $ = (id) => document.getElementById(id);
let span = "day";

function createElement(name, className, text = "") {
  const element = document.createElement(name);
  element.className = className;
  element.textContent = text;
  return element;
}

function describeSlot(slot) {
  const others = [[slot.nobody, WORDS.nobodyThere], [slot.unseen, WORDS.notRecorded]]
    .filter(([seconds]) => seconds >= 60).map(([seconds, name]) => WORDS.share(name, seconds / HOUR_S));
  return [describeTotals([slot]), ...others].filter(Boolean).join(", ");
}

function createHourButton(slot, className) {
  const button = createElement("button", className);
  button.type = "button";
  const time = span === "day" ? clock(slot.start_s) : `${weekday(slot.start_s)} ${clock(slot.start_s)}`;
  const text = WORDS.slot(time, describeSlot(slot));
  button.setAttribute("aria-label", text);
  button.addEventListener("click", () => { $("history-status").textContent = text; });
  return button;
}

function createColumn(slot) {
  const button = createHourButton(slot, "column");
  const stack = createElement("span", "stack");
  for (const name of Object.keys(COLOURS)) {
    if (!slot.mood[name]) continue;
    const part = createElement("i", "");
    part.style.height = `${(100 * slot.mood[name]) / HOUR_S}%`;
    part.style.background = COLOURS[name];
    stack.append(part);
  }
  const hour = new Date(1000 * slot.start_s).getHours();
  button.append(stack, createElement("b", "", hour % 3 ? "" : String(hour)));
  return button;
}

function createWeek(slots) {
  const days = new Map();
  for (const slot of slots) {
    const key = new Date(1000 * slot.start_s).toDateString();
    if (!days.has(key)) days.set(key, []);
    days.get(key).push(slot);
  }
  return [...days.values()].map((hours) => {
    const row = createElement("div", "row");
    row.append(createElement("b", "", weekday(hours[0].start_s)));
    const clockHours = hours.map((slot) => new Date(1000 * slot.start_s).getHours());
    for (const [i, slot] of hours.entries()) {
      const cell = createHourButton(slot, "cell");
      const occupied = Object.values(slot.mood).reduce((sum, seconds) => sum + seconds, 0);
      cell.style.background = slotColour(slot) || EMPTY;
      cell.style.opacity = occupied ? 0.35 + (0.65 * occupied) / HOUR_S : slot.unseen > HOUR_S / 2 ? 0.25 : 1;
      // When the clocks change, an hour comes twice or not at all. The two share the place of that hour.
      cell.style.gridColumn = clockHours[i] + 2;
      if (clockHours[i + 1] === clockHours[i]) cell.style.marginRight = "50%";
      if (clockHours[i - 1] === clockHours[i]) cell.style.marginLeft = "50%";
      cell.style.gridRow = 1;
      row.append(cell);
    }
    return row;
  });
}

async function load() {
  // Whole hours of the wall clock; the current one comes last.
  const hour = new Date();
  hour.setMinutes(0, 0, 0);
  const since = hour.getTime() / 1000 - (span === "day" ? 23 : 7 * 24 - 1) * HOUR_S;
  const requested = span;
  const answer = await getSlots(since, HOUR_S);
  if (requested !== span) return; // the other button was pressed meanwhile
  $("chart").className = span;
  $("chart").setAttribute("aria-label", WORDS.chart(span === "day" ? WORDS.day : WORDS.week));
  $("history-status").textContent = answer ? describeTotals(answer.slots) || WORDS.historyHint : WORDS.historyFailed;
  if (answer) $("chart").replaceChildren(...(span === "day" ? answer.slots.map(createColumn) : createWeek(answer.slots)));
}

for (const name of ["day", "week"]) {
  $(`span-${name}`).textContent = WORDS[name];
  $(`span-${name}`).addEventListener("click", () => {
    span = name;
    for (const one of ["day", "week"]) $(`span-${one}`).setAttribute("aria-pressed", String(one === name));
    load();
  });
}
$("export").textContent = WORDS.exportCsv;
$("legend").append(...Object.entries(COLOURS).map(([name, colour]) => {
  const item = createElement("li", "");
  const dot = createElement("i", "");
  dot.style.background = colour;
  item.append(dot, MOODS[name]);
  return item;
}));
onView("history", load);
