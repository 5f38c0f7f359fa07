// The page shows what /api/events says. What is old or cut off is shown as such.

import { refresh } from "/day-totals.js";
import { showFaces } from "/gallery.js";
import "/history.js";
import { follow } from "/connection.js";
import { lookAgain, showLive } from "/live-view.js";
import { say, showRoom } from "/room.js";
import { setNight } from "/night.js";
import "/setup.js";
import { wake } from "/mood-ring.js";
import { listen, showSwitches } from "/switches.js";
import { onView, show as showView } from "/views.js";
import { WORDS, clock } from "/strings.js";

const $ = (id) => document.getElementById(id);
let state = null; // the newest snapshot
let heardAt = 0; // ms, when it came
let connected = false;
let failure = ""; // of the last switch
let today = ""; // by which the times were written

function showProblems() {
  const problems = [failure, ...(connected && state ? state.problems : [])].filter(Boolean);
  if ($("problems").dataset.shown === problems.join("\n")) return;
  $("problems").dataset.shown = problems.join("\n");
  $("problems").replaceChildren(...problems.map((text) => {
    const item = document.createElement("li");
    item.textContent = text;
    return item;
  }));
}

function status(sense) {
  if (!sense.available) return WORDS.away;
  if (sense.camera === null) return WORDS.come;
  if (sense.paused) return WORDS.paused;
  const off = ["camera", "microphone"].filter((name) => !sense[name]);
  return WORDS.here(sense.isolation && sense.isolation.enforced, off);
}

function showAge() {
  const live = connected && state && state.sense.available;
  const age = state && state.age_s !== null ? state.age_s + (Date.now() - heardAt) / 1000 : null;
  say("age", !live && age !== null ? WORDS.old(age) : "");
  say("clock", clock(Date.now() / 1000));
}

// At midnight "since 23:50" becomes "since Fri 23:50", without a word from the hub.
function tick() {
  const day = new Date().toDateString();
  if (state && day !== today) showTimes();
  showAge();
}

function showTimes() {
  today = new Date().toDateString();
  showRoom(state);
  showFaces(state);
}

function show() {
  const { sense } = state;
  document.body.classList.toggle("away", !sense.available);
  document.body.classList.remove("cut");
  say("name", WORDS.title(state.name));
  say("link", status(sense));
  showTimes();
  showLive(state);
  showSwitches(sense.available ? { camera: sense.camera, microphone: sense.microphone, pause: sense.paused } : {});
  $("watched").hidden = !state.kiosk.watchers;
  if (state.kiosk.watchers) say("watched", WORDS.watched(state.kiosk.watchers));
  setNight(state.kiosk.night);
  showProblems();
  showAge();
}

function cut() {
  connected = false;
  document.body.classList.add("cut");
  say("link", WORDS.cut);
  showSwitches({});
  lookAgain();
  showProblems();
  showAge();
}

function take(snapshot) {
  connected = true;
  state = snapshot;
  heardAt = Date.now();
  show();
}

say("link", WORDS.connecting);
listen((text) => {
  failure = text;
  showProblems();
  setTimeout(() => {
    failure = "";
    showProblems();
  }, 8000);
});
onView("room", wake);
showView(location.hash.slice(1) || "room");
setInterval(tick, 1000);
follow({ onState: take, onChange: refresh, onCut: cut });
