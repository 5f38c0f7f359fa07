// The room view: the mood as a word and a ring, its confidence, since when, and what was done about it.

import { setMood } from "/mood-ring.js";
import { COLOURS } from "/palette.js";
import { MOODS, WORDS } from "/strings.js";

const $ = (id) => document.getElementById(id);

/** Set a text only if it differs: setting the same one costs a layout, and a screen reader would read it again. */
export function setText(id, text) {
  const element = $(id);
  if (element.textContent !== text) element.textContent = text;
}

// Before sense has reported its health, a switch is null: unknown, which is not off.
function isOff(sense) {
  return sense.available && (sense.paused || (sense.camera === false && sense.microphone === false));
}

function headline(mood, sense) {
  if (isOff(sense)) return [WORDS.off, WORDS.offDetails];
  if (!mood) return [WORDS.waiting, ""];
  if (!mood.people && mood.emotion === "unknown") {
    // A camera that is off, lost or in the dark does not show that the room is empty.
    return sense.stages.camera?.state === "ok" ? [WORDS.nobody, WORDS.since(mood.since)] : [WORDS.noPicture, ""];
  }
  const details = [
    mood.emotion === "unknown" ? WORDS.unsure : WORDS.confidence(mood.confidence), WORDS.since(mood.since),
    mood.people ? WORDS.people(mood.people) : "",
  ];
  return [MOODS[mood.emotion], details.filter(Boolean).join(" \u00b7 ")];
}

/** Show a snapshot. */
export function showRoom(state) {
  const { sense } = state;
  const mood = state.mood || state.last_mood;
  const [word, details] = headline(mood, sense);
  setText("word", word);
  setText("details", details);
  const senses = sense.available && mood && !isOff(sense) ? ["face", "voice"].filter((name) => mood[name]) : [];
  const readings = senses.map((name) => WORDS.reading(name, mood[name].emotion, mood[name].confidence));
  setText("readings", readings.join(" \u00b7 "));
  setMood(isOff(sense) || !sense.available ? null : mood);
  showActions(state);
}

function showActions({ lamp, player, last_rule: rule }) {
  const style = $("lamp").style;
  style.background = lamp.on ? lamp.colour : "";
  // Brightness changes how far the lamp glows, not its colour.
  style.opacity = lamp.on ? 0.35 + (0.65 * lamp.brightness) / 100 : "";
  style.boxShadow = lamp.on ? `0 0 ${0.3 + lamp.brightness / 60}em ${lamp.colour}` : "";
  $("lamp").hidden = lamp.on === undefined;
  $("lamp").setAttribute("aria-label", WORDS.lamp);
  setText("lamp-text", lamp.on === undefined ? "" : lamp.on ? WORDS.lampOn(lamp.brightness) : WORDS.lampOff);
  setText("player", player.playing ? WORDS.playing(player) : "");
  setText("rule", rule ? WORDS.rule(rule) : "");
}

/** The colour of a history slot's longest mood; null when nobody was there, or nothing was recorded. */
export function slotColour(slot) {
  const [name, seconds] = Object.entries(slot.mood).reduce((best, one) => (one[1] > best[1] ? one : best), ["", 0]);
  return seconds > 0 && seconds >= 0.15 * (seconds + slot.nobody) ? COLOURS[name] : null;
}
