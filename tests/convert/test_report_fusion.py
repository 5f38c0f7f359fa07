"""The fusions of two senses, on generated readings of known quality."""

import numpy as np

from convert.evaluation.metrics import accuracy
from convert.report.fusion import Pairs, make_fusions
from device.emotions import Floats, softmax


def made(rng: np.random.Generator, rows: int, face: float, voice: "Floats | float") -> Pairs:
    """`face` and `voice`: each sense's information; an uninformative voice gets a tenth of the weight."""
    truth = np.arange(rows) % 7
    shown = np.eye(7, dtype=np.float32)[truth]
    clear = np.broadcast_to(np.asarray(voice, np.float32), rows)
    informative = softmax((face * shown + rng.normal(0, 1, (rows, 7))).astype(np.float32))
    audible = softmax((clear[:, None] * shown + rng.normal(0, 1, (rows, 7))).astype(np.float32))
    trust = np.where(clear > 0, 1.0, 0.1).astype(np.float32)
    return Pairs(informative, audible, np.ones(rows, np.float32), trust, truth)


def scores(pairs_tested: Pairs, fitted_on: Pairs) -> dict[str, float]:
    even = np.full(7, 0.5, np.float32)
    return {
        name.split(" (face")[0]: accuracy(fuse(pairs_tested).argmax(axis=1), pairs_tested.truth)
        for name, fuse in make_fusions(even, even, fitted_on).items()
    }


def test_two_senses_are_better_than_one_and_all_fusions_return_probabilities() -> None:
    rng = np.random.default_rng(0)
    fitted_on, pairs_tested = made(rng, 700, 1.5, 1.5), made(rng, 2100, 1.5, 1.5)
    found = scores(pairs_tested, fitted_on)
    alone = max(found["face alone"], found["voice alone"])
    assert found["mean"] > alone + 5
    assert found["log-linear, fitted"] >= found["mean"]
    even = np.full(7, 0.5, np.float32)
    for fuse in make_fusions(even, even, fitted_on).values():
        output = fuse(pairs_tested)
        assert output.shape == (2100, 7)
        np.testing.assert_allclose(output.sum(axis=1), 1, atol=1e-4)


def test_an_uninformative_sense_gets_no_weight_and_quality_shows_when_it_is_one() -> None:
    rng = np.random.default_rng(1)
    deaf = scores(made(rng, 2100, 2.0, 0.0), made(rng, 700, 2.0, 0.0))
    assert deaf["log-linear, fitted"] >= deaf["face alone"] - 1
    assert deaf["mean"] < deaf["face alone"] - 5

    # Half of the voices are uninformative, and their quality shows it.
    def half(rows: int) -> Pairs:
        return made(rng, rows, 1.5, np.where(np.arange(rows) // 7 % 2 == 0, 3.0, 0.0).astype(np.float32))

    found = scores(half(2100), half(700))
    assert found["F-scores and quality"] > found["F-scores (seed B)"] + 1
    assert found["log-linear and quality, fitted"] > found["log-linear, fitted"] + 1
