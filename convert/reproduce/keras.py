"""What the seeds' Keras does otherwise than PyTorch: how it counts parameters, and from what weights it begins."""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def count_keras_parameters(network: nn.Module) -> int:
    """The total of `model.summary()` for the same layers in Keras.

    It counts the two running statistics of a batch normalization, which PyTorch keeps as buffers, and one bias for
    each gate of an LSTM, of which PyTorch has two that only ever add up.
    """
    total = sum(parameter.numel() for parameter in network.parameters())
    for part in network.modules():
        if isinstance(part, _BatchNorm):
            total += 2 * part.num_features
        elif isinstance(part, nn.LSTM):
            total -= sum(p.numel() for name, p in part.named_parameters() if name.startswith("bias_hh"))
    return total


def init_as_keras(network: nn.Module) -> None:
    """Keras' first weights: Glorot's for kernels, orthogonal from step to step, an LSTM that forgets little at first.

    PyTorch begins smaller, and without normalization deep networks then learn late. Source: Glorot and Bengio 2010,
    "Understanding the difficulty of training deep feedforward neural networks".
    """
    for part in network.modules():
        if isinstance(part, nn.Linear | nn.Conv1d | nn.Conv2d):
            nn.init.xavier_uniform_(part.weight)
            nn.init.zeros_(part.bias)
        elif isinstance(part, nn.LSTM):
            nn.init.xavier_uniform_(part.weight_ih_l0)
            nn.init.orthogonal_(part.weight_hh_l0)
            nn.init.zeros_(part.bias_ih_l0)
            nn.init.zeros_(part.bias_hh_l0)
            # PyTorch's gates are input, forget, cell, output.
            nn.init.ones_(part.bias_ih_l0.data[part.hidden_size : 2 * part.hidden_size])
