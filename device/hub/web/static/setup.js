// How Mien is set up and doing, in plain words.

import { ask } from "/api.js";
import { onView } from "/views.js";
import { WORDS } from "/strings.js";

const AGAIN_MS = 5000;
const list = document.getElementById("findings");
let timer = 0;
let shown = false;
let asking = false;

function row({ check, ok, said }) {
  const item = document.createElement("p");
  item.className = ok === true ? "ok" : ok === false ? "bad" : "note";
  const mark = document.createElement("i");
  mark.setAttribute("role", "img");
  mark.setAttribute("aria-label", WORDS[item.className]);
  const name = document.createElement("b");
  name.textContent = check;
  const text = document.createElement("span");
  text.textContent = said;
  item.append(mark, name, text);
  return item;
}

async function load() {
  if (asking) return; // whoever asks goes on by itself
  asking = true;
  const answer = await ask("/api/setup");
  asking = false;
  // Without an answer the header says that there is no connection; what was read last stays.
  if (answer && answer.document) list.replaceChildren(...answer.document.map(row));
  clearTimeout(timer);
  if (shown) timer = setTimeout(load, AGAIN_MS);
}

// On the device itself nobody has logged in.
const leave = document.getElementById("leave");
leave.textContent = WORDS.logOut;
leave.hidden = ["127.0.0.1", "localhost", "[::1]"].includes(location.hostname);
leave.addEventListener("click", async () => {
  await fetch("/logout", { method: "POST" }).catch(() => null);
  location.assign("/login");
});

list.setAttribute("aria-label", WORDS.findings);
onView("setup", () => {
  shown = true;
  load();
}, () => {
  shown = false;
  clearTimeout(timer);
});
