// The room: the mood as a word and a shape, how sure, since when, what was done about it, and the day.

import { become } from "/mood-ring.js";
import { COLOURS } from "/palette.js";
import { MOODS, WORDS } from "/strings.js";

const $ = (id) => document.getElementById(id);

/** Set the text only when it differs: what stays the same costs no layout and is not read out again. */
export function say(id, text) {
  const element = $(id);
  if (element.textContent !== text) element.textContent = text;
}

// Before the first word of its health, a switch is null: not known, which is not off.
function asleep(sense) {
  return sense.available && (sense.paused || (sense.camera === false && sense.microphone === false));
}

function headline(mood, sense) {
  if (asleep(sense)) return [WORDS.resting, WORDS.muted];
  if (!mood) return [WORDS.waiting, ""];
  if (!mood.people && mood.emotion === "unknown") {
    // A camera that is off, lost or in the dark has seen no empty room.
    return sense.stages.camera?.state === "ok" ? [WORDS.nobody, WORDS.since(mood.since)] : [WORDS.blind, ""];
  }
  const details = [
    mood.emotion === "unknown" ? WORDS.unsure : WORDS.sure(mood.confidence), WORDS.since(mood.since),
    mood.people ? WORDS.people(mood.people) : "",
  ];
  return [MOODS[mood.emotion], details.filter(Boolean).join(" \u00b7 ")];
}

/** Show the newest state. */
export function showRoom(state) {
  const { sense } = state;
  const mood = state.mood || state.last_mood;
  const [word, details] = headline(mood, sense);
  say("word", word);
  say("sure", details);
  const said = sense.available && mood && !asleep(sense) ? ["face", "voice"].filter((name) => mood[name]) : [];
  say("senses", said.map((name) => WORDS.said(name, mood[name].emotion, mood[name].confidence)).join(" \u00b7 "));
  become(asleep(sense) || !sense.available ? null : mood);
  showThings(state);
}

function showThings({ lamp, player, last_rule: rule }) {
  const style = $("lamp").style;
  style.background = lamp.on ? lamp.colour : "";
  // A dim lamp glows less far; its colour stays its colour.
  style.opacity = lamp.on ? 0.35 + (0.65 * lamp.brightness) / 100 : "";
  style.boxShadow = lamp.on ? `0 0 ${0.3 + lamp.brightness / 60}em ${lamp.colour}` : "";
  $("lamp").hidden = lamp.on === undefined;
  $("lamp").setAttribute("aria-label", WORDS.lamp);
  say("lamp-text", lamp.on === undefined ? "" : lamp.on ? WORDS.lampOn(lamp.brightness) : WORDS.lampOff);
  say("player", player.playing ? WORDS.playing(player) : "");
  say("rule", rule ? WORDS.rule(rule) : "");
}

/** Colour of a slot of the history: of the mood that held longest, or null when nobody was there or nothing known. */
export function slotColour(slot) {
  const [name, seconds] = Object.entries(slot.mood).reduce((best, one) => (one[1] > best[1] ? one : best), ["", 0]);
  return seconds > 0 && seconds >= 0.15 * (seconds + slot.nobody) ? COLOURS[name] : null;
}
