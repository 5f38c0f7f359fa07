// The checks of the setup view.

import { getJson } from "/api.js";
import { onView } from "/views.js";
import { WORDS } from "/strings.js";

const INTERVAL_MS = 5000;
const list = document.getElementById("checks");
let timer = 0;
let visible = false;
let loading = false;

function createRow({ check, ok, said }) {
  const row = document.createElement("p");
  row.className = ok === true ? "ok" : ok === false ? "bad" : "note";
  const mark = document.createElement("i");
  mark.setAttribute("role", "img");
  mark.setAttribute("aria-label", WORDS[row.className]);
  const name = document.createElement("b");
  name.textContent = check;
  const text = document.createElement("span");
  text.textContent = said;
  row.append(mark, name, text);
  return row;
}

async function load() {
  if (loading) return; // the load under way schedules the next one
  loading = true;
  const answer = await getJson("/api/setup");
  loading = false;
  // Without an answer the last checks stay; the header says that there is no connection.
  if (answer && answer.document) list.replaceChildren(...answer.document.map(createRow));
  clearTimeout(timer);
  if (visible) timer = setTimeout(load, INTERVAL_MS);
}

// On the device itself there is no login, so there is nothing to log out of.
const logOut = document.getElementById("log-out");
logOut.textContent = WORDS.logOut;
logOut.hidden = ["127.0.0.1", "localhost", "[::1]"].includes(location.hostname);
logOut.addEventListener("click", async () => {
  await fetch("/logout", { method: "POST" }).catch(() => null);
  location.assign("/login");
});

list.setAttribute("aria-label", WORDS.checks);
onView("setup", () => {
  visible = true;
  load();
}, () => {
  visible = false;
  clearTimeout(timer);
});
