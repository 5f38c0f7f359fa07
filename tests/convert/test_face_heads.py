"""A face network's two heads before they are quantized: FER+'s answers for the majority, and has a say in the seven."""

import numpy as np
import pytest

from convert.corpora.fer2013 import IN_FERPLUS
from convert.evaluate import FERPLUS_CLASSES
from device.emotions import EMOTIONS

pytestmark = pytest.mark.convert
torch = pytest.importorskip("torch", reason="the training environment: make test-convert")


def test_the_seven_have_their_own_places_among_the_eight() -> None:
    assert [FERPLUS_CLASSES[i][:3] for i in IN_FERPLUS] == [emotion.value[:3] for emotion in EMOTIONS]


def test_advice_is_added_to_the_seven_and_leaves_the_learnt_network_alone() -> None:
    from convert.faces.heads import advised
    from convert.recipes.mien_face import MienFace

    network, pictures = MienFace().eval(), torch.randn(5, 1, 48, 48)
    with torch.no_grad():
        seven, eight = network.both(pictures)
        asked_seven, asked_eight = advised(network, 0.5).both(pictures)
        again, _ = network.both(pictures)
    np.testing.assert_allclose(asked_seven, seven + 0.5 * eight[:, IN_FERPLUS], atol=1e-5)
    np.testing.assert_array_equal(asked_eight, eight)
    np.testing.assert_array_equal(again, seven)


def test_a_head_that_learnt_shares_of_votes_answers_for_the_majority() -> None:
    from convert.faces.heads import decided
    from convert.recipes.mien_face import MienFace

    network, pictures = MienFace().eval(), torch.randn(400, 1, 48, 48)
    with torch.no_grad():
        seven, eight = network.both(pictures)
    # One emotion has the most votes wherever it comes close to the first: more often than its share tells.
    truth, second = eight.argmax(dim=1), int(eight.mean(dim=0).argsort()[-2])
    behind = eight.max(dim=1).values - eight[:, second]
    truth[behind < behind.median()] = second
    changed = decided(network, eight, truth)
    with torch.no_grad():
        asked_seven, asked_eight = changed.both(pictures)
    before, after = ((said.argmax(dim=1) == truth).float().mean() for said in (eight, asked_eight))
    assert after > before + 0.1
    np.testing.assert_array_equal(asked_seven, seven)


def test_of_few_faces_nothing_much_is_made() -> None:
    from convert.faces.heads import decided
    from convert.recipes.mien_face import MienFace

    network, pictures = MienFace().eval(), torch.randn(4, 1, 48, 48)
    with torch.no_grad():
        eight = network.both(pictures)[1]
    changed = decided(network, eight, torch.zeros(4, dtype=torch.int64))
    with torch.no_grad():
        asked = changed.both(pictures)[1]
    assert torch.isfinite(asked).all()
    assert asked.argmax(dim=1).tolist() == [0, 0, 0, 0]
    assert asked.abs().max() < 30
