// Which view is shown: by touch, by the keys 1 to 5 and the arrows, by the address; and back to the room by itself.

import { VIEWS, WORDS } from "/strings.js";

const BACK_MS = 3 * 60 * 1000; // a wall shows the room, whatever somebody looked at last
const names = Object.keys(VIEWS);
const nav = document.getElementById("views");
const entered = {};
const left = {};
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

/** What happens when a view is entered, and when it is left. */
export function onView(name, enter, leave) {
  entered[name] = enter;
  left[name] = leave;
}

export function show(name) {
  if (!names.includes(name)) name = "room";
  rest();
  if (name === shown) return;
  if (left[shown]) left[shown]();
  shown = name;
  document.body.dataset.view = name;
  for (const one of names) document.getElementById(one).hidden = one !== name;
  for (const button of nav.children) {
    if (button.dataset.view === name) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
  if (location.hash !== `#${name}`) history.replaceState(null, "", `#${name}`);
  document.getElementById("drift").scrollTo(0, 0); // on a small screen, where the views are chosen is far below
  if (entered[name]) entered[name]();
}

function rest() {
  clearTimeout(timer);
  timer = setTimeout(() => show("room"), BACK_MS);
}

nav.addEventListener("click", (click) => {
  const button = click.target.closest("button");
  if (button) show(button.dataset.view);
});
addEventListener("hashchange", () => show(location.hash.slice(1)));
addEventListener("keydown", (key) => {
  if (key.ctrlKey || key.altKey || key.metaKey) return;
  if (key.key.startsWith("Arrow") && key.target.closest("[tabindex]")) return; // there they scroll
  const at = names.indexOf(shown);
  if (names[Number(key.key) - 1]) show(names[Number(key.key) - 1]);
  else if (key.key === "ArrowRight") show(names[(at + 1) % names.length]);
  else if (key.key === "ArrowLeft") show(names[(at + names.length - 1) % names.length]);
  else if (key.key === "Escape") show("room");
});
for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, rest, { passive: true });
