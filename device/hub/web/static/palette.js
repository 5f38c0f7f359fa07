// One colour for each mood, the same in the ring, the day's line, the charts and the live view.

export const COLOURS = {
  angry: "#ff8f7a", disgust: "#a9c46c", fear: "#b6a2ff", happy: "#ffd166",
  sad: "#8fb8ff", surprise: "#ffa8dc", neutral: "#d9d4c8", unknown: "#8b93a0",
};
export const EMPTY = "#2a313c";

/** The three channels, 0..255, of "#rrggbb". */
export const channels = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
