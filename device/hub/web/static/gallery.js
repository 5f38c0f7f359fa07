// The gallery: five faces that answer to a voice.

import { MOODS, WORDS } from "/strings.js";

const five = document.getElementById("five");
const said = document.getElementById("faces-said");
const title = document.getElementById("faces-title");
let shown = "";

/** The newest answer, if it is another. */
export function showFaces({ gallery }) {
  const faces = (gallery && gallery.faces) || [];
  const key = faces.map((face) => face.url).join();
  if (!faces.length) said.textContent = WORDS.facesWait;
  else said.textContent = WORDS.facesAnswer(gallery.emotion, gallery.time);
  if (key === shown) return;
  shown = key;
  title.dataset.mood = faces.length ? MOODS[gallery.emotion] : "";
  five.replaceChildren(...faces.map((face, i) => {
    const item = document.createElement("li");
    const image = document.createElement("img");
    image.src = face.url;
    image.alt = WORDS.answering(gallery.emotion, face.confidence);
    image.width = image.height = 256;
    item.style.animationDelay = `${i * 150}ms`;
    item.append(image);
    return item;
  }));
}
