// What a screen needs that is never switched off: dim at night, and nothing that stays on the same spot for years.

const DRIFT_MS = 60 * 1000;
const DRIFT_PX = 6;
const still = matchMedia("(prefers-reduced-motion: reduce)");
const drift = document.getElementById("drift");
let night = "";
let turn = 0;

const minutes = (text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3, 5));

/** Whether `hours` ("22:30-06:30", over midnight too) hold at `date`. */
export function within(hours, date) {
  if (!hours) return false;
  const [from, until] = hours.split("-").map(minutes);
  const at = date.getHours() * 60 + date.getMinutes();
  return from <= until ? from <= at && at < until : at >= from || at < until;
}

function look() {
  document.body.classList.toggle("night", within(night, new Date()));
}

/** The hours of the settings. */
export function setNight(hours) {
  night = hours;
  look();
}

setInterval(() => {
  turn += 1;
  // A slow figure of eight, so that no edge burns in. Without its slowness, that is a jump: not where none is wanted.
  if (still.matches) turn = 0;
  const x = Math.round(DRIFT_PX * Math.sin(turn / 5)), y = Math.round(DRIFT_PX * Math.sin((2 * turn) / 5) / 2);
  drift.style.transform = `translate(${x}px, ${y}px)`;
  look();
}, DRIFT_MS);
