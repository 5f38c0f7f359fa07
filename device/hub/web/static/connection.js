// The line to the hub: its stream of events, begun anew when it breaks off, and when it has died without a word. A Wi-Fi
// that is lost and a hub that hangs say no goodbye; but a living hub pings.

import { ask } from "/api.js";

const SILENT_MS = 25 * 1000; // two pings of 10 s, and patience
const ANSWER_MS = 5 * 1000;
const AGAIN_MS = 2 * 1000;

/** `onState` hears each snapshot, `onChange` that the history has grown, `onCut` that nothing shown is the present. */
export function follow({ onState, onChange, onCut }) {
  let timer = 0;
  let events = null;
  let page = ""; // which one the hub served when this one was opened

  function connect() {
    events = new EventSource("/api/events");
    events.onmessage = (message) => {
      heard();
      onState(JSON.parse(message.data));
    };
    events.addEventListener("ping", heard);
    events.addEventListener("page", ({ data }) => {
      page = page || data;
      if (data !== page) location.reload(); // Mien was updated meanwhile
    });
    for (const kind of ["change", "gap"]) events.addEventListener(kind, onChange);
    events.onerror = () => {
      onCut();
      // A browser gives up after an answer that is no stream (a hub that is just starting): begin anew.
      if (events.readyState === EventSource.CLOSED) soon();
    };
    heard();
  }

  function heard() {
    clearTimeout(timer);
    timer = setTimeout(() => {
      onCut();
      soon();
    }, SILENT_MS);
  }

  function soon() {
    events.close();
    clearTimeout(timer);
    timer = setTimeout(again, AGAIN_MS);
  }

  // In the house, a session may be over: then it is the login page's turn.
  async function again() {
    const answer = await ask("/api/state", ANSWER_MS);
    if (!answer) soon();
    else if (answer.status === 401) location.assign("/login");
    else {
      connect();
      onChange(); // a new stream does not tell what the old one missed
    }
  }

  connect();
}
