"""How the stand-in plays each emotion. Found by `python -m convert rehearse`, which asks the networks."""

from device.emotions import Emotion
from device.sense.stand_in.drawn_face import Pose
from device.sense.stand_in.made_voice import Prosody

POSES = {
    Emotion.ANGRY: Pose(-1, 1.2, 0.196, -0.886, 0.041, 0.022, 0.128, -0.622, -0.488),
    Emotion.DISGUST: Pose(-0.253, 1.08, -1, -0.564, 0.217, -1, 1.189, 1.2, 1.043),
    Emotion.FEAR: Pose(-0.853, -1, 0.685, -0.432, 0.4, 1.182, 0.214, -0.485, -0.529),
    Emotion.HAPPY: Pose(-1, 0.487, -1, 1.2, 0.931, 1.2, 1, 1.134, 1.2),
    Emotion.SAD: Pose(-0.097, -1, -1, -1, 0.23, 0.436, 0.093, 0.656, -0.625),
    Emotion.SURPRISE: Pose(1.2, -0.041, 0.842, -0.582, 1.2, -0.827, -0.259, -0.117, -0.291),
    Emotion.NEUTRAL: Pose(0.432, 0.645, -0.451, -0.105, -0.2, 0.243, -0.488, -0.799, -0.022),
}
PROSODIES = {
    Emotion.ANGRY: Prosody(153.697, 0.096, -0.494, 5.252, 0.518, -2, 0.042, 0, 0.005, 0.106),
    Emotion.DISGUST: Prosody(146.459, 0.306, -0.38, 3.408, 0.889, -11.413, 0, 0.02, 0.023, 0.329),
    Emotion.FEAR: Prosody(316.594, 0.02, 0.412, 5.977, 0.581, -4.287, 0.216, 0.049, 0.005, 0.287),
    Emotion.HAPPY: Prosody(202.116, 0.267, -0.133, 2.831, 0.896, -2.327, 0.008, 0.004, 0.005, 0.258),
    Emotion.SAD: Prosody(178.131, 0.02, -0.489, 4.095, 0.651, -15.857, 0.025, 0.009, 0.023, 0.335),
    Emotion.SURPRISE: Prosody(299.774, 0.257, 0.089, 5.711, 0.807, -7.353, 0.021, 0, 0.005, 0.33),
    Emotion.NEUTRAL: Prosody(121.912, 0.02, -0.041, 4.356, 0.692, -7.318, 0.043, 0.013, 0.012, 0.346),
}
