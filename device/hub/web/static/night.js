// For a screen that is always on: dim at night, and shifted a little each minute so that nothing burns in.

const INTERVAL_MS = 60 * 1000;
const DRIFT_PX = 6;
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
const drift = document.getElementById("drift");
let night = "";
let step = 0;

const minutes = (text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3, 5));

/** Whether `date` lies in `hours` ("22:30-06:30"; they may span midnight). */
export function isWithin(hours, date) {
  if (!hours) return false;
  const [start, end] = hours.split("-").map(minutes);
  const time = date.getHours() * 60 + date.getMinutes();
  return start <= end ? start <= time && time < end : time >= start || time < end;
}

function applyNight() {
  document.body.classList.toggle("night", isWithin(night, new Date()));
}

/** Set the hours in which the page is dim. */
export function setNight(hours) {
  night = hours;
  applyNight();
}

setInterval(() => {
  // A slow figure of eight. With reduced motion it would be a jump, so the page stays where it is.
  step = reducedMotion.matches ? 0 : step + 1;
  const x = Math.round(DRIFT_PX * Math.sin(step / 5)), y = Math.round(DRIFT_PX * Math.sin((2 * step) / 5) / 2);
  drift.style.transform = `translate(${x}px, ${y}px)`;
  applyNight();
}, INTERVAL_MS);
