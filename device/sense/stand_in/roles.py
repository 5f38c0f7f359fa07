"""How the stand-in plays each emotion. Found by `python -m convert rehearse`, which asks the networks."""

from device.emotions import Emotion
from device.sense.stand_in.drawn_face import Pose
from device.sense.stand_in.made_voice import Prosody

POSES = {
    Emotion.ANGRY: Pose(-1, 1.2, 0.196, -0.933, 0.041, 0.022, 0.128, -0.371, -0.265),
    Emotion.DISGUST: Pose(-0.011, 1.2, -0.834, -1, 0.217, -0.926, 1.191, 1.2, 1.174),
    Emotion.FEAR: Pose(-0.503, -1, 0.782, -0.603, 0.4, 0.975, 0.244, -0.878, -0.486),
    Emotion.HAPPY: Pose(-1, 0.487, -0.677, 0.406, 0.968, 0.974, 1.2, 1.2, 1.176),
    Emotion.SAD: Pose(-0.084, -1, -1, -0.734, 0.377, 0.245, 0.093, 0.56, -0.653),
    Emotion.SURPRISE: Pose(1.2, 0.417, 0.337, -0.612, 1.073, -0.982, -0.259, 0, -0.682),
    Emotion.NEUTRAL: Pose(0.236, 0.392, -0.451, -0.064, -0.336, 0.192, -0.638, -0.456, -0.098),
}
PROSODIES = {
    Emotion.ANGRY: Prosody(214.94, 0.055, -0.121, 5.229, 0.548, -3.507, 0.071, 0.006, 0.012, 0.205),
    Emotion.DISGUST: Prosody(146.406, 0.171, -0.372, 3.85, 0.685, -5.642, 0.151, 0.004, 0.017, 0.312),
    Emotion.FEAR: Prosody(299.616, 0.02, 0.36, 6, 0.757, -2, 0.089, 0.049, 0.006, 0.342),
    Emotion.HAPPY: Prosody(182.894, 0.249, -0.5, 4.834, 0.9, -4.757, 0.01, 0.007, 0.021, 0.268),
    Emotion.SAD: Prosody(210.724, 0.02, -0.5, 3.825, 0.897, -13.071, 0.021, 0, 0.071, 0.282),
    Emotion.SURPRISE: Prosody(264.009, 0.423, 0.005, 3.863, 0.732, -9.215, 0.014, 0, 0.028, 0.232),
    Emotion.NEUTRAL: Prosody(121.912, 0.02, 0.029, 4.741, 0.753, -9.369, 0, 0.018, 0.005, 0.346),
}
