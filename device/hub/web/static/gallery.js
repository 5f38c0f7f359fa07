// The gallery: five faces that answer a voice.

import { MOODS, WORDS } from "/strings.js";

const list = document.getElementById("gallery");
const status = document.getElementById("gallery-status");
const title = document.getElementById("faces-title");
let shown = "";

/** Show the newest answer. */
export function showFaces({ gallery }) {
  const faces = (gallery && gallery.faces) || [];
  const key = faces.map((face) => face.url).join();
  status.textContent = faces.length ? WORDS.galleryAnswer(gallery.emotion, gallery.time) : WORDS.galleryWaiting;
  if (key === shown) return;
  shown = key;
  title.dataset.mood = faces.length ? MOODS[gallery.emotion] : "";
  list.replaceChildren(...faces.map((face, i) => {
    const item = document.createElement("li");
    const image = document.createElement("img");
    image.src = face.url;
    image.alt = WORDS.galleryFace(gallery.emotion, face.confidence);
    image.width = image.height = 256;
    item.style.animationDelay = `${i * 150}ms`;
    item.append(image);
    return item;
  }));
}
