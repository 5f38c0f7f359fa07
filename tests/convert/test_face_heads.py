"""A face network's two heads before quantization: FER+'s logits are added to the seven."""

import numpy as np
import pytest

from convert.datasets.pictures.fer2013 import IN_FERPLUS
from convert.evaluation.shipped import FERPLUS_CLASSES
from device.emotions import EMOTIONS

pytestmark = pytest.mark.convert
torch = pytest.importorskip("torch", reason="the training environment: make test-convert")


def test_each_of_the_seven_has_its_index_among_the_eight() -> None:
    assert [FERPLUS_CLASSES[i][:3] for i in IN_FERPLUS] == [emotion.value[:3] for emotion in EMOTIONS]


def test_ferplus_logits_are_added_to_a_copy_of_the_network() -> None:
    from convert.networks.face import MienFace, add_ferplus_logits

    network, pictures = MienFace().eval(), torch.randn(5, 1, 48, 48)
    with torch.no_grad():
        seven, eight = network.both(pictures)
        asked_seven, asked_eight = add_ferplus_logits(network, 0.5).both(pictures)
        again, _ = network.both(pictures)
    np.testing.assert_allclose(asked_seven, seven + 0.5 * eight[:, IN_FERPLUS], atol=1e-5)
    np.testing.assert_array_equal(asked_eight, eight)
    np.testing.assert_array_equal(again, seven)
