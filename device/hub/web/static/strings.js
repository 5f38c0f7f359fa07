// Every word that the page says, in one place. Another language is another file like this one.

export const LOCALE = "en-GB";

export const MOODS = {
  angry: "angry", disgust: "disgusted", fear: "fearful", happy: "happy",
  sad: "sad", surprise: "surprised", neutral: "neutral", unknown: "not sure",
};

export const VIEWS = { room: "Room", live: "Live", faces: "Faces", history: "History", setup: "Set-up" };

export const SWITCHES = {
  camera: { on: "camera on", off: "camera off", unknown: "camera ?" },
  microphone: { on: "microphone on", off: "microphone off", unknown: "microphone ?" },
  pause: { on: "paused", off: "pause all", unknown: "paused ?" },
};

export const percent = (share) => `${Math.round(100 * share)} %`;
export const clock = (utc) =>
  new Date(1000 * utc).toLocaleTimeString(LOCALE, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
export const weekday = (utc) => new Date(1000 * utc).toLocaleDateString(LOCALE, { weekday: "short" });

const WEEK_MS = 6 * 24 * 3600 * 1000; // a day less: the same weekday is never two days
const DATE = { day: "numeric", month: "short" };

/** "21:37" today, "Wed 21:37" in this week, "3 May 21:37" before: without its day, an old time reads as a new one. */
export function moment(utc) {
  const then = new Date(1000 * utc), now = new Date();
  if (then.toDateString() === now.toDateString()) return clock(utc);
  const near = Math.abs(now - then) < WEEK_MS;
  return `${near ? weekday(utc) : then.toLocaleDateString(LOCALE, DATE)} ${clock(utc)}`;
}

export function ago(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

export const WORDS = {
  title: (name) => `mien \u00b7 ${name}`,
  connecting: "connecting",
  cut: "no connection",
  away: "sense is away",
  come: "sense has just come",
  paused: "paused: camera and microphone are closed",
  here: (walled, off) => [off.length ? `${off.join(" and ")} off` : "seeing and hearing", walled && "no network"]
    .filter(Boolean).join(" \u00b7 "),
  nobody: "nobody here",
  blind: "nothing to be seen",
  resting: "resting",
  waiting: "\u2026",
  sure: (share) => `${percent(share)} sure`,
  unsure: "someone is here, and nothing is sure",
  empty: "the room is empty",
  muted: "switched off by somebody here",
  people: (count) => (count === 1 ? "1 person" : `${count} people`),
  since: (utc) => `since ${moment(utc)}`,
  said: (sense, emotion, share) => `${sense} says ${MOODS[emotion]}, ${percent(share)}`,
  old: (seconds) => `this is ${ago(seconds)} old`,
  rule: (rule) => `${moment(rule.time_s)} \u201c${rule.name}\u201d: ${rule.why}`,
  lampOn: (brightness) => `lamp ${brightness} %`,
  lampOff: "lamp off",
  lamp: "lamp",
  playing: (player) => `\u266b ${player.playlist}, volume ${player.volume} %`,
  dayLine: (shares) => `the last 24 hours: ${shares || "nothing known"}`,
  share: (name, hours) => `${name} ${hours < 1 ? `${Math.round(60 * hours)} min` : `${hours.toFixed(1)} h`}`,
  watched: (count) => (count === 1 ? "The camera\u2019s picture is being looked at now." :
    `The camera\u2019s picture is being looked at now, by ${count}.`),
  switches: "switches",
  views: "views",
  liveOff: "The live view is off. Who set up this Mien can allow it: kiosk.live_view = true in the settings.",
  liveClosed: "The camera is off.",
  liveWaiting: "Waiting for the picture\u2026",
  liveLost: "No picture: sense is away, or the camera is closed. It is tried again.",
  livePicture: (count) => (count ? `the camera\u2019s picture, ${WORDS.faces(count)}` : "the camera\u2019s picture, no face"),
  liveShown: (rate, count) => `${rate} pictures a second \u00b7 ${WORDS.faces(count)}`,
  faces: (count) => (count === 1 ? "1 face" : `${count || "no"} faces`),
  seenAs: "as the network sees it",
  quality: (share) => `quality ${percent(share)}`,
  facesWait: "When a voice is heard, five faces answer it.",
  facesAnswer: (emotion, time) => `${moment(time)}: a voice sounded ${MOODS[emotion]}`,
  answering: (emotion, share) => (share === null ? `a drawn face, ${MOODS[emotion]}` :
    `a face that reads as ${MOODS[emotion]}, ${percent(share)}`),
  day: "24 hours",
  week: "7 days",
  exported: "export 7 days (CSV)",
  nobodyThere: "nobody there",
  unseen: "nothing known",
  chart: (span) => `moods of the last ${span}`,
  slot: (time, text) => `${time}: ${text}`,
  pick: "Touch an hour to see what it was like.",
  failed: "This could not be read just now.",
  ok: "all right", bad: "not right", note: "worth knowing",
  findings: "findings",
  logOut: "log out",
};
