// Every text of the page. A translation is another file like this one.

export const LOCALE = "en-GB";

export const MOODS = {
  angry: "angry", disgust: "disgusted", fear: "fearful", happy: "happy",
  sad: "sad", surprise: "surprised", neutral: "neutral", unknown: "not sure",
};

export const VIEWS = { room: "Room", live: "Live", faces: "Faces", history: "History", setup: "Setup" };

export const SWITCHES = {
  camera: { on: "camera on", off: "camera off", unknown: "camera ?" },
  microphone: { on: "microphone on", off: "microphone off", unknown: "microphone ?" },
  pause: { on: "paused", off: "pause all", unknown: "paused ?" },
};

export const percent = (share) => `${Math.round(100 * share)} %`;
export const clock = (utc) =>
  new Date(1000 * utc).toLocaleTimeString(LOCALE, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
export const weekday = (utc) => new Date(1000 * utc).toLocaleDateString(LOCALE, { weekday: "short" });

const WEEK_MS = 6 * 24 * 3600 * 1000; // a day less, so that a weekday never means two days
const DATE = { day: "numeric", month: "short" };

/** "21:37" for today, "Wed 21:37" within a week, "3 May 21:37" before: so that an old time is not taken for a new one. */
export function moment(utc) {
  const date = new Date(1000 * utc), now = new Date();
  if (date.toDateString() === now.toDateString()) return clock(utc);
  const recent = Math.abs(now - date) < WEEK_MS;
  return `${recent ? weekday(utc) : date.toLocaleDateString(LOCALE, DATE)} ${clock(utc)}`;
}

function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

export const WORDS = {
  // header
  title: (name) => `mien \u00b7 ${name}`,
  connecting: "Connecting\u2026",
  disconnected: "No connection",
  senseAway: "Camera service restarting\u2026",
  senseStarting: "Camera service starting\u2026",
  paused: "Paused: camera and microphone are closed",
  devices: (off) => (off.length ? `${off.join(" and ")} off` : "camera and microphone on"),
  isolated: "stays in this room",
  watched: (count) => (count === 1 ? "Someone is watching the camera." : `${count} viewers are watching the camera.`),
  // room
  nobody: "nobody here",
  noPicture: "no picture",
  off: "off",
  offDetails: "camera and microphone are switched off",
  waiting: "\u2026",
  confidence: (share) => `${percent(share)} sure`,
  unsure: "someone is here, but the mood is unclear",
  people: (count) => (count === 1 ? "1 person" : `${count} people`),
  since: (utc) => `since ${moment(utc)}`,
  reading: (sense, emotion, share) => `${sense}: ${MOODS[emotion]}, ${percent(share)}`,
  ago: (seconds) => `${duration(seconds)} ago`,
  rule: (rule) => `${moment(rule.time_s)} \u201c${rule.name}\u201d: ${rule.why}`,
  lamp: "lamp",
  lampOn: (brightness) => `lamp ${brightness} %`,
  lampOff: "lamp off",
  playing: (player) => `\u266b ${player.playlist}, volume ${player.volume} %`,
  dayLine: (shares) => `the last 24 hours: ${shares || "nothing recorded"}`,
  share: (name, hours) => `${name} ${hours < 1 ? `${Math.round(60 * hours)} min` : `${hours.toFixed(1)} h`}`,
  switches: "switches",
  views: "views",
  // live
  liveOff: "The live view is off. To allow it, set kiosk.live_view = true in the settings.",
  liveCameraOff: "The camera is off.",
  liveWaiting: "Waiting for the picture\u2026",
  liveLost: "No picture: the connection or the camera service is down. Trying again\u2026",
  livePicture: (count) => `camera picture, ${WORDS.faces(count)}`,
  liveRate: (rate, count) => `${rate} pictures a second \u00b7 ${WORDS.faces(count)}`,
  faces: (count) => (count === 1 ? "1 face" : `${count || "no"} faces`),
  networkInput: "the face as the network sees it",
  quality: (share) => `quality ${percent(share)}`,
  // faces
  galleryWaiting: "When someone speaks, five faces answer.",
  galleryAnswer: (emotion, time) => `${moment(time)}: a voice sounded ${MOODS[emotion]}`,
  galleryFace: (emotion, share) => (share === null ? `a drawn face, ${MOODS[emotion]}` :
    `a face read as ${MOODS[emotion]}, ${percent(share)}`),
  // history
  day: "24 hours",
  week: "7 days",
  exportCsv: "Export 7 days (CSV)",
  nobodyThere: "nobody there",
  notRecorded: "not recorded",
  chart: (span) => `moods of the last ${span}`,
  slot: (time, text) => `${time}: ${text}`,
  historyHint: "Tap an hour for details.",
  historyFailed: "The history cannot be loaded right now.",
  // setup
  ok: "OK", bad: "problem", note: "note",
  checks: "checks",
  logOut: "Log out",
};
