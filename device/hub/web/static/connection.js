// The event stream from the hub. It is opened again after it breaks, and after silence: a lost Wi-Fi or a hub that
// hangs closes no connection, but a healthy hub sends pings.

import { getJson } from "/api.js";

const SILENCE_MS = 25 * 1000; // two pings of 10 s, and some slack
const ANSWER_TIMEOUT_MS = 5 * 1000;
const RETRY_MS = 2 * 1000;

/** Calls `onState` with each snapshot, `onChange` when the history has grown, `onDisconnect` when nothing is current. */
export function connect({ onState, onChange, onDisconnect }) {
  let timer = 0;
  let events = null;
  let build = ""; // of the page that the hub served when this one was loaded

  function open() {
    events = new EventSource("/api/events");
    events.onmessage = (message) => {
      restartSilenceTimer();
      onState(JSON.parse(message.data));
    };
    events.addEventListener("ping", restartSilenceTimer);
    events.addEventListener("page", ({ data }) => {
      build = build || data;
      if (data !== build) location.reload(); // Mien was updated
    });
    for (const kind of ["change", "gap"]) events.addEventListener(kind, onChange);
    events.onerror = () => {
      onDisconnect();
      // A browser gives up when the answer is no stream, as from a hub that is just starting.
      if (events.readyState === EventSource.CLOSED) scheduleRetry();
    };
    restartSilenceTimer();
  }

  function restartSilenceTimer() {
    clearTimeout(timer);
    timer = setTimeout(() => {
      onDisconnect();
      scheduleRetry();
    }, SILENCE_MS);
  }

  function scheduleRetry() {
    events.close();
    clearTimeout(timer);
    timer = setTimeout(retry, RETRY_MS);
  }

  async function retry() {
    const answer = await getJson("/api/state", ANSWER_TIMEOUT_MS);
    if (!answer) scheduleRetry();
    else if (answer.status === 401) location.assign("/login"); // the session is over
    else {
      open();
      onChange(); // a new stream does not repeat what the old one missed
    }
  }

  open();
}
