"""What the corpora call an emotion, and which of the seven it is: the one place where that is decided.

A label is kept as the corpus means it and spelled as Mien spells it: `own` is "fear" for fear, fearful, afraid and
FEA, but stays "calm", "contempt" or "boredom" where the corpus has more than seven. `label_index` gives its place among
the seven, or NONE. Only calm is folded into another: it is a second kind of neutral, which nobody but RAVDESS has, and
a household has no use for the difference.
"""

import re

from device.emotions import EMOTIONS, Emotion
from device.errors import MediaError

NONE = -1
"""The emotion of what is none of the seven. Readers give such a record only where `every` is asked for."""

_FOLDED = {"calm": Emotion.NEUTRAL}
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
_OWN = {word: own for own, others in _SPELLINGS.items() for word in (own, *others.split())}


def own_label(word: str, where: object) -> str:
    """The label that `word` spells: case, numbers before it and hyphens do not matter ("0_Happiness" is "happy").

    Raises MediaError, naming `where` it stands, when it is no emotion.
    """
    plain = re.sub(r"[^a-z]+", "_", word.lower()).strip("_")
    if plain not in _OWN:
        known = ", ".join(_SPELLINGS)
        raise MediaError(f"{where}: {word!r} is no emotion that is known; rename it to one of {known}, or take it out")
    return _OWN[plain]


def label_index(own: str) -> int:
    """0..6 in EMOTIONS' order, or NONE."""
    name = _FOLDED.get(own, own)
    return EMOTIONS.index(Emotion(name)) if name in EMOTIONS else NONE
