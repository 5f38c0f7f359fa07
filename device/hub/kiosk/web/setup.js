// How Mien is set up and doing, in plain words.

import { onView } from "/views.js";
import { WORDS } from "/words.js";

const AGAIN_MS = 5000;
const list = document.getElementById("findings");
let timer = 0;

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
  clearTimeout(timer);
  try {
    const answer = await fetch("/api/setup");
    if (answer.ok) list.replaceChildren(...(await answer.json()).map(row));
  } catch {
    // The header says that there is no connection; what was read last stays.
  }
  timer = setTimeout(load, AGAIN_MS);
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
onView("setup", load, () => clearTimeout(timer));
