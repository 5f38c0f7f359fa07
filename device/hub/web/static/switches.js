// The switches of camera, microphone and everything. A switch shows the actual state, never the requested one.

import { SWITCHES, WORDS } from "/strings.js";

const group = document.getElementById("switches");
const buttons = {};
for (const name of Object.keys(SWITCHES)) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.switch = name;
  button.disabled = true;
  button.textContent = SWITCHES[name].unknown;
  group.append(button);
  buttons[name] = button;
}
group.setAttribute("aria-label", WORDS.switches);

/** Show the states. One that is null or missing is unknown: it cannot be switched, and is not shown as off. */
export function showSwitches(states) {
  for (const [name, button] of Object.entries(buttons)) {
    const state = states[name] ?? null;
    button.disabled = state === null;
    if (state === null) button.removeAttribute("aria-pressed");
    else button.setAttribute("aria-pressed", String(state));
    const text = SWITCHES[name][state === null ? "unknown" : state ? "on" : "off"];
    if (button.textContent !== text) button.textContent = text;
    button.classList.remove("pending");
  }
}

/** Send a command on each press. `onFailure` is called with the reason when it was refused. */
export function listen(onFailure) {
  group.addEventListener("click", async (click) => {
    const button = click.target.closest("button");
    if (!button || button.disabled) return;
    button.classList.add("pending");
    const value = button.getAttribute("aria-pressed") === "true" ? "OFF" : "ON";
    try {
      const response = await fetch("/api/command", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ feature: button.dataset.switch, value }),
      });
      if (!response.ok) onFailure((await response.json()).error);
    } catch {
      onFailure(WORDS.disconnected);
    }
    button.classList.remove("pending");
  });
}
