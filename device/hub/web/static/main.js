// Shows what /api/events sends, and marks it when it is old or the connection is down.

import { connect } from "/connection.js";
import { refresh } from "/day-totals.js";
import { showFaces } from "/gallery.js";
import "/history.js";
import { reconnect, showLive } from "/live-view.js";
import { resume } from "/mood-ring.js";
import { setNight } from "/night.js";
import { setText, showRoom } from "/room.js";
import "/setup.js";
import { listen, showSwitches } from "/switches.js";
import { onView, showView } from "/views.js";
import { WORDS, clock } from "/strings.js";

const FAILURE_MS = 8000;
const $ = (id) => document.getElementById(id);
let state = null; // the newest snapshot
let receivedAt = 0; // when it arrived, ms
let connected = false;
let failure = ""; // of the last switch
let shownDay = ""; // the day for which the times are written

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

function showStatus(text, isolated = false) {
  setText("status-text", text);
  setText("isolated", isolated ? WORDS.isolated : "");
}

function showSense(sense) {
  if (!sense.available) showStatus(WORDS.senseAway);
  else if (sense.camera === null) showStatus(WORDS.senseStarting);
  else if (sense.paused) showStatus(WORDS.paused);
  else {
    const off = ["camera", "microphone"].filter((name) => !sense[name]);
    showStatus(WORDS.devices(off), sense.isolation && sense.isolation.enforced);
  }
}

function showAge() {
  const current = connected && state && state.sense.available;
  const age = state && state.age_s !== null ? state.age_s + (Date.now() - receivedAt) / 1000 : null;
  setText("age", !current && age !== null ? WORDS.ago(age) : "");
  setText("clock", clock(Date.now() / 1000));
}

// At midnight "since 23:50" becomes "since Fri 23:50", without a new snapshot.
function tick() {
  if (state && new Date().toDateString() !== shownDay) showTimes();
  showAge();
}

function showTimes() {
  shownDay = new Date().toDateString();
  showRoom(state);
  showFaces(state);
}

function show(snapshot) {
  connected = true;
  state = snapshot;
  receivedAt = Date.now();
  const { sense } = state;
  document.body.classList.toggle("sense-away", !sense.available);
  document.body.classList.remove("disconnected");
  setText("name", WORDS.title(state.name));
  showSense(sense);
  showTimes();
  showLive(state);
  showSwitches(sense.available ? { camera: sense.camera, microphone: sense.microphone, pause: sense.paused } : {});
  $("watched").hidden = !state.kiosk.watchers;
  if (state.kiosk.watchers) setText("watched", WORDS.watched(state.kiosk.watchers));
  setNight(state.kiosk.night);
  showProblems();
  showAge();
}

function showDisconnected() {
  connected = false;
  document.body.classList.add("disconnected");
  showStatus(WORDS.disconnected);
  showSwitches({});
  reconnect();
  showProblems();
  showAge();
}

showStatus(WORDS.connecting);
listen((text) => {
  failure = text;
  showProblems();
  setTimeout(() => {
    failure = "";
    showProblems();
  }, FAILURE_MS);
});
onView("room", resume);
showView(location.hash.slice(1) || "room");
setInterval(tick, 1000);
connect({ onState: show, onChange: refresh, onDisconnect: showDisconnected });
