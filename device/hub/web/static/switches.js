// Camera, microphone, everything: big, immediate, and showing what is, never what was asked for.

import { SWITCHES, WORDS } from "/strings.js";

const group = document.getElementById("switches");
const buttons = {};
for (const name of Object.keys(SWITCHES)) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.order = name;
  button.disabled = true;
  button.textContent = SWITCHES[name].unknown;
  group.append(button);
  buttons[name] = button;
}
group.setAttribute("aria-label", WORDS.switches);

/** How they stand; null for what is not known, which cannot be switched, and is not shown as off. */
export function showSwitches(on) {
  for (const [name, button] of Object.entries(buttons)) {
    const known = on[name] !== null && on[name] !== undefined;
    button.disabled = !known;
    if (known) button.setAttribute("aria-pressed", String(on[name]));
    else button.removeAttribute("aria-pressed");
    const text = SWITCHES[name][!known ? "unknown" : on[name] ? "on" : "off"];
    if (button.textContent !== text) button.textContent = text;
    button.classList.remove("asked");
  }
}

/** `onFailure` is told in words when a switch was not thrown. */
export function listen(onFailure) {
  group.addEventListener("click", async (click) => {
    const button = click.target.closest("button");
    if (!button || button.disabled) return;
    button.classList.add("asked");
    const value = button.getAttribute("aria-pressed") === "true" ? "OFF" : "ON";
    try {
      const answer = await fetch("/api/command", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ feature: button.dataset.order, value }),
      });
      if (!answer.ok) onFailure((await answer.json()).error);
    } catch {
      onFailure(WORDS.cut);
    }
    button.classList.remove("asked");
  });
}
