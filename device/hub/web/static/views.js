// The views: chosen by touch, by the keys 1 to 5 and the arrows, or by the address. The page returns to the room by itself.

import { VIEWS, WORDS } from "/strings.js";

const RETURN_MS = 3 * 60 * 1000; // a page on the wall shows the room again after a while
const names = Object.keys(VIEWS);
const nav = document.getElementById("views");
const enterCallbacks = {};
const leaveCallbacks = {};
let shown = "";
let timer = 0;

for (const name of names) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.view = name;
  button.textContent = VIEWS[name];
  nav.append(button);
  const title = document.getElementById(`${name}-title`);
  if (title) title.textContent = VIEWS[name];
}
nav.setAttribute("aria-label", WORDS.views);

/** Set what to call when a view is entered, and when it is left. */
export function onView(name, enter, leave) {
  enterCallbacks[name] = enter;
  leaveCallbacks[name] = leave;
}

/** Show a view; the room for an unknown name. */
export function showView(name) {
  if (!names.includes(name)) name = "room";
  restartReturnTimer();
  if (name === shown) return;
  if (leaveCallbacks[shown]) leaveCallbacks[shown]();
  shown = name;
  document.body.dataset.view = name;
  for (const one of names) document.getElementById(one).hidden = one !== name;
  for (const button of nav.children) {
    if (button.dataset.view === name) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
  if (location.hash !== `#${name}`) history.replaceState(null, "", `#${name}`);
  document.getElementById("drift").scrollTo(0, 0); // on a small screen, the buttons of the views are below
  if (enterCallbacks[name]) enterCallbacks[name]();
}

function restartReturnTimer() {
  clearTimeout(timer);
  timer = setTimeout(() => showView("room"), RETURN_MS);
}

nav.addEventListener("click", (click) => {
  const button = click.target.closest("button");
  if (button) showView(button.dataset.view);
});
addEventListener("hashchange", () => showView(location.hash.slice(1)));
addEventListener("keydown", (key) => {
  if (key.ctrlKey || key.altKey || key.metaKey) return;
  if (key.key.startsWith("Arrow") && key.target.closest("[tabindex]")) return; // there the arrows scroll
  const at = names.indexOf(shown);
  if (names[Number(key.key) - 1]) showView(names[Number(key.key) - 1]);
  else if (key.key === "ArrowRight") showView(names[(at + 1) % names.length]);
  else if (key.key === "ArrowLeft") showView(names[(at + names.length - 1) % names.length]);
  else if (key.key === "Escape") showView("room");
});
for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, restartReturnTimer, { passive: true });
