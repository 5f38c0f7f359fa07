"""The simulator's pose and prosody for each emotion, found by `python -m convert simulator`."""

from device.emotions import Emotion
from device.sense.simulator.face import Pose
from device.sense.simulator.voice import Prosody

POSES = {
    Emotion.ANGRY: Pose(-1, 1.172, -0.548, -1, -0.205, 0.338, 0.174, -0.187, 0.546),
    Emotion.DISGUST: Pose(-0.226, 1.2, -0.803, -1, 0.2, -1, 0.638, 1.171, 1.199),
    Emotion.FEAR: Pose(-0.999, -0.677, 1.2, -0.288, 0.334, 0.946, -1, -0.516, 0.543),
    Emotion.HAPPY: Pose(-1, 1.187, -1, 1.057, 1.2, 0.765, 0.541, 1.2, 1.2),
    Emotion.SAD: Pose(-0.04, -1, -1, -1, 0.19, 0.52, 0.127, 1.171, -0.711),
    Emotion.SURPRISE: Pose(1.2, 0.707, 0.545, -0.488, 0.967, -0.948, -0.983, 0.056, -0.258),
    Emotion.NEUTRAL: Pose(0.793, 1.031, -0.501, -0.105, -0.115, 0.791, -0.259, -0.952, 0.01),
}
PROSODIES = {
    Emotion.ANGRY: Prosody(173.922, 0.02, -0.5, 4.749, 0.538, -2, 0, 0, 0.005, 0.119),
    Emotion.DISGUST: Prosody(134.12, 0.451, -0.208, 2.704, 0.722, -7.811, 0, 0.007, 0.027, 0.336),
    Emotion.FEAR: Prosody(315.429, 0.02, 0.096, 5.869, 0.649, -7.808, 0.196, 0.056, 0.048, 0.363),
    Emotion.HAPPY: Prosody(223.252, 0.157, -0.369, 4.281, 0.9, -2.81, 0, 0.015, 0.005, 0.215),
    Emotion.SAD: Prosody(182.589, 0.02, -0.454, 3.519, 0.603, -16, 0.013, 0, 0.005, 0.267),
    Emotion.SURPRISE: Prosody(237.692, 0.477, 0.175, 5.934, 0.795, -13.476, 0.007, 0.028, 0.008, 0.247),
    Emotion.NEUTRAL: Prosody(119.454, 0.02, -0.174, 4.772, 0.841, -10.566, 0, 0, 0.005, 0.241),
}
