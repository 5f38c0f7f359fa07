"use strict";
// The page shows what /api/events says. What is old or cut off is shown as such.

const COLOURS = {
  angry: "#ff8f7a", disgust: "#a9c46c", fear: "#b6a2ff", happy: "#ffd166",
  sad: "#8fb8ff", surprise: "#ffa8dc", neutral: "#d9d4c8", unknown: "#98a0ac",
};
const WORDS = { disgust: "disgusted", fear: "fearful", surprise: "surprised" };
const $ = (id) => document.getElementById(id);
const percent = (share) => `${Math.round(100 * share)} %`;
const clock = (utc) => new Date(1000 * utc).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const word = (emotion) => WORDS[emotion] || emotion;

let state = null; // the newest snapshot
let heardAt = 0; // ms, when it came

function bar(emotion) {
  const row = document.createElement("div");
  row.className = "bar";
  const label = document.createElement("span");
  label.textContent = emotion;
  const track = document.createElement("span");
  track.className = "track";
  const fill = document.createElement("span");
  fill.className = "fill";
  fill.style.background = COLOURS[emotion];
  fill.style.transform = "scaleX(0)";
  track.append(fill);
  const number = document.createElement("b");
  row.append(label, track, number);
  $("bars").append(row);
  return { row, fill, number };
}
const bars = {};
for (const emotion of Object.keys(COLOURS)) if (emotion !== "unknown") bars[emotion] = bar(emotion);

function showMood(mood, live) {
  document.documentElement.style.setProperty("--mood", COLOURS[mood ? mood.emotion : "unknown"]);
  $("word").textContent = mood ? word(mood.emotion) : "\u2026";
  for (const [emotion, { row, fill, number }] of Object.entries(bars)) {
    const share = mood ? mood.probabilities[emotion] : 0;
    fill.style.transform = `scaleX(${share})`;
    number.textContent = mood ? percent(share) : "";
    row.classList.toggle("top", Boolean(mood) && mood.emotion === emotion);
  }
  const people = mood && (mood.people === 1 ? "1 person" : mood.people ? `${mood.people} people` : "nobody in view");
  const sure = mood && (mood.emotion === "unknown" ? "not sure enough" : `${percent(mood.confidence)} sure`);
  $("sure").textContent = mood ? `${sure} \u00b7 since ${clock(mood.since)} \u00b7 ${people}` : "";
  const said = ["face", "voice"].filter((s) => mood && mood[s]);
  $("senses").textContent = live
    ? said.map((s) => `${s} says ${word(mood[s].emotion)}, ${percent(mood[s].confidence)}`).join(" \u00b7 ")
    : "";
}

function showThings({ lamp, player, last_rule: rule }) {
  $("lamp").style.background = lamp.on ? lamp.colour : "";
  // A dim lamp glows less far; its colour stays its colour.
  $("lamp").style.opacity = lamp.on ? 0.35 + 0.65 * lamp.brightness / 100 : "";
  $("lamp").style.boxShadow = lamp.on ? `0 0 ${2 + lamp.brightness / 12}vmin ${lamp.colour}` : "";
  $("lamp-text").textContent = lamp.on ? `lamp ${lamp.brightness} %` : "lamp off";
  $("player").textContent = player.playing ? `\u266b ${player.playlist}, volume ${player.volume} %` : "no music";
  $("rule").textContent = rule ? `${clock(rule.time_s)} \u201c${rule.name}\u201d: ${rule.why}` : "";
}

function showSwitches({ available, camera, microphone, paused }) {
  const on = { camera, microphone, pause: paused };
  for (const button of document.querySelectorAll("button")) {
    button.disabled = !available;
    button.setAttribute("aria-pressed", String(Boolean(on[button.dataset.order])));
  }
}

function showProblems(problems) {
  $("problems").replaceChildren(...problems.map((text) => {
    const item = document.createElement("li");
    item.textContent = text;
    return item;
  }));
}

function ago(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

function showAge(cut) {
  const live = state && state.sense.available && !cut;
  const age = state && state.age_s !== null ? state.age_s + (Date.now() - heardAt) / 1000 : null;
  $("age").textContent = !live && age !== null ? `this is ${ago(age)} old` : "";
  $("clock").textContent = clock(Date.now() / 1000);
}

function show() {
  const { sense } = state;
  document.body.className = sense.available ? "" : "away";
  $("name").textContent = `mien \u00b7 ${state.name}`;
  const walled = sense.isolation && sense.isolation.enforced ? ", without a network" : "";
  $("link").textContent = !sense.available ? "sense is away" : sense.paused ? "paused" : `sense is here${walled}`;
  showMood(state.mood || state.last_mood, sense.available);
  showThings(state);
  showSwitches(sense);
  showProblems(state.problems);
  showAge(false);
}

function cut() {
  document.body.className = "cut";
  $("link").textContent = "no connection";
  showSwitches({ available: false });
  showProblems([]);
  showAge(true);
}

const events = new EventSource("/api/events");
let connected = false;
events.onmessage = (message) => {
  connected = true;
  state = JSON.parse(message.data);
  heardAt = Date.now();
  show();
};
events.onerror = () => {
  connected = false;
  cut();
  // A browser gives up after an answer that is no stream (a hub that is just starting): begin anew.
  if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 2000);
};
setInterval(() => showAge(!connected), 1000);

document.getElementById("switches").addEventListener("click", async (click) => {
  const button = click.target.closest("button");
  if (!button || button.disabled) return;
  const on = button.getAttribute("aria-pressed") !== "true";
  try {
    const answer = await fetch("/api/command", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ feature: button.dataset.order, value: on ? "ON" : "OFF" }),
    });
    if (!answer.ok) showProblems([(await answer.json()).error]);
  } catch {
    cut();
  }
});
