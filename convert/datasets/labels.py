"""Maps the corpora's labels to the seven emotions; this is the only place that does.

A label keeps the corpus's meaning in Mien's spelling: `own` is "fear" for fear, fearful, afraid and FEA, but stays
"calm", "contempt" or "boredom" in a corpus with more than seven. `label_index` returns its index among the seven, or
NONE. Only calm is merged into another emotion: it is a second kind of neutral that only RAVDESS has, and a household
does not need the difference.
"""

import re

from device.emotions import EMOTIONS, Emotion
from device.errors import MediaError

NONE = -1
"""The emotion of a label outside the seven. Readers return such records only with `every`."""

_MERGED = {"calm": Emotion.NEUTRAL}
_SPELLINGS = {
    "angry": "anger ang",
    "disgust": "disgusted dis",
    "fear": "fearful afraid scared fea",
    "happy": "happiness joy joyful hap",
    "sad": "sadness",
    "surprise": "surprised pleasant_surprise pleasant_surprised ps",
    "neutral": "neu",
    "calm": "",
    "contempt": "contemptuous",
    "boredom": "bored",
}
_OWN = {emotion.value: emotion.value for emotion in EMOTIONS}
_OWN |= {word: own for own, others in _SPELLINGS.items() for word in (own, *others.split())}


def own_label(word: str, where: object) -> str:
    """Return the label that `word` spells. Case, leading numbers and hyphens do not matter ("0_Happiness" is "happy").

    Raises MediaError, naming `where` it occurs, when it is not a known emotion.
    """
    plain = re.sub(r"[^a-z]+", "_", word.lower()).strip("_")
    if plain not in _OWN:
        known = ", ".join(_SPELLINGS)
        raise MediaError(f"{where}: unknown emotion {word!r}; rename it to one of {known}, or remove it")
    return _OWN[plain]


def label_index(own: str) -> int:
    """0..6 in EMOTIONS' order, or NONE."""
    name = _MERGED.get(own, own)
    return EMOTIONS.index(Emotion(name)) if name in EMOTIONS else NONE
