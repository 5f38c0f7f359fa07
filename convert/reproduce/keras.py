"""Where the seeds' Keras differs from PyTorch: the number of parameters, and the initial weights."""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def count_keras_parameters(network: nn.Module) -> int:
    """The total of `model.summary()` for the same layers in Keras.

    It includes the two running statistics of a batch normalization, which are buffers in PyTorch, and one bias per gate
    of an LSTM, of which PyTorch has two that are only ever added.
    """
    total = sum(parameter.numel() for parameter in network.parameters())
    for part in network.modules():
        if isinstance(part, _BatchNorm):
            total += 2 * part.num_features
        elif isinstance(part, nn.LSTM):
            total -= sum(p.numel() for name, p in part.named_parameters() if name.startswith("bias_hh"))
    return total


def init_as_keras(network: nn.Module) -> None:
    """Initialize as Keras: Glorot for kernels, orthogonal for recurrent weights, an LSTM that forgets little at first.

    PyTorch's initial weights are smaller; without normalization, deep networks then start to learn late. Source: Glorot
    and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks".
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
