"""openSMILE's eGeMAPS functionals of three seconds: the features of most classical recognizers, no classifier."""

from collections.abc import Callable
from typing import Any

from tests.bench.peers.serving import RATE_HZ, serve_sound


def load() -> Callable[[Any, int], int]:
    import opensmile  # type: ignore[import-not-found]

    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    return lambda samples, _begin: len(smile.process_signal(samples, RATE_HZ))


serve_sound(load)
