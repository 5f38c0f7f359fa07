"""How the stand-in plays each emotion. Found by `python -m convert rehearse`, which asks the networks."""

from device.emotions import Emotion
from device.sense.stand_in.drawn_face import Pose
from device.sense.stand_in.made_voice import Prosody

POSES = {
    Emotion.ANGRY: Pose(brow_frown=1, brow_raise=-0.5, mouth_curve=-0.5, eye_open=0.1),
    Emotion.DISGUST: Pose(nose_wrinkle=1, brow_frown=0.5, mouth_curve=-0.7, cheeks=0.6),
    Emotion.FEAR: Pose(brow_raise=0.8, brow_frown=-0.5, eye_open=1, mouth_open=0.4, mouth_wide=0.3, teeth=0.3),
    Emotion.HAPPY: Pose(mouth_curve=1, cheeks=1, mouth_open=0.4, teeth=1, mouth_wide=0.5),
    Emotion.SAD: Pose(brow_frown=-1, mouth_curve=-1, eye_open=-0.4),
    Emotion.SURPRISE: Pose(brow_raise=1.2, eye_open=1, mouth_open=1, mouth_wide=-0.4),
    Emotion.NEUTRAL: Pose(),
}
PROSODIES = {
    Emotion.ANGRY: Prosody(220, 0.2, -0.15, 5, 0.65, -3, 0.02, 0, 0.01, 0.15),
    Emotion.DISGUST: Prosody(110, 0.15, -0.35, 3, 0.85, -7, 0.1, 0, 0.02, 0.3),
    Emotion.FEAR: Prosody(280, 0.12, 0.1, 5.5, 0.7, -8, 0.2, 0.05),
    Emotion.HAPPY: Prosody(230, 0.35, 0.1, 5, 0.7, -6, 0.03, 0),
    Emotion.SAD: Prosody(130, 0.05, -0.25, 2.6, 0.85, -14, 0.2, 0.01, 0.08, 0.35),
    Emotion.SURPRISE: Prosody(260, 0.45, 0.5, 4, 0.75, -6, 0.05, 0),
    Emotion.NEUTRAL: Prosody(120, 0.06, -0.1, 4, 0.75, -10, 0.03, 0),
}
