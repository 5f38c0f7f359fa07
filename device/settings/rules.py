"""A rule: one table [[rules]] of the settings."""

from typing import Annotated, Literal

from msgspec import Meta

from device.emotions import Emotion
from device.settings.actions.registry import AnyAction
from device.settings.actions.virtual import Lamp, Player
from device.settings.types import Hours, Seconds, Section, Share

QUIET = "quiet"
"""The profile that always exists and enables no rule."""
Profile = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9 _-]{1,40}\Z")]
_Signed = Annotated[float, Meta(ge=-1, le=1)]
_People = Annotated[int, Meta(ge=0, le=1000)]


class Rule(Section, frozen=True):
    """When the room has had a mood for a given time, run the actions. Every condition that is set must hold."""

    name: Annotated[str, Meta(min_length=1, max_length=80)]
    mood: tuple[Emotion, ...] = ()
    """The rule fires for any of these. `unknown` is refused: an unknown mood triggers nothing."""
    do: Annotated[tuple[AnyAction, ...], Meta(min_length=1)] = ()
    for_s: Seconds = 10.0
    min_confidence: Share = 0.5
    hours: Hours = ""
    """Local time, `18:00-23:30`; may span midnight; empty: always."""
    cooldown_s: Seconds = 60.0
    presence: Literal["", "someone", "nobody"] = ""
    valence_min: _Signed = -1.0
    valence_max: _Signed = 1.0
    people_min: _People = 0
    people_max: _People = 1000
    profiles: tuple[Profile, ...] = ()
    """The profiles that enable the rule; empty: all except `quiet`."""
    restore: bool = False
    """When the rule ends or the hub stops, undo what `do` changed, unless somebody else has changed it since."""

    def __post_init__(self) -> None:
        if Emotion.UNKNOWN in self.mood:
            raise ValueError("mood needs one or more of the seven emotions; unknown triggers nothing")
        if not self.do:
            raise ValueError("a rule needs `do`, a list of one or more actions")
        if not (self.mood or self.has_valence or self.has_people):
            raise ValueError(
                "a rule needs a condition: mood (one or more of the seven emotions), presence, valence_min or "
                "valence_max, people_min or people_max"
            )
        if self.presence == "nobody" and (self.mood or self.has_valence or self.people_min > 0):
            raise ValueError("with presence = nobody there is no mood, no valence and no people_min")
        if self.valence_min > self.valence_max or self.people_min > self.people_max:
            raise ValueError("valence_min and people_min must not exceed valence_max and people_max")
        if QUIET in self.profiles:
            raise ValueError(f"no rule can be enabled in the profile {QUIET}")

    @property
    def has_people(self) -> bool:
        """Whether it has a condition about who is there."""
        return bool(self.presence) or self.people_min > 0 or self.people_max < 1000

    @property
    def has_valence(self) -> bool:
        """Whether it has a condition about the valence."""
        return (self.valence_min, self.valence_max) != (-1.0, 1.0)


def default_rules() -> tuple[Rule, ...]:
    """Gentle rules, so that a first run shows something.

    Their durations are short, because the mood itself waits until it is sure. `python -m convert ordinary-life`
    measures the false triggers and the delay.
    """
    return (
        Rule("comfort", (Emotion.SAD, Emotion.FEAR), (Lamp("#ffb46b", 40), Player("calm", 30)), for_s=2),
        Rule("bright", (Emotion.HAPPY,), (Lamp("#fff1d6", 90), Player("upbeat", 45)), for_s=1),
        Rule("cool down", (Emotion.ANGRY, Emotion.DISGUST), (Lamp("#7fb4ff", 30), Player("quiet", 20)), for_s=2),
        Rule("spark", (Emotion.SURPRISE,), (Lamp("#c9a0ff", 80),), for_s=1),
        Rule("as usual", (Emotion.NEUTRAL,), (Lamp("#ffe0b8", 60),), for_s=10),
    )
