"""Light-SERNet: its published layers and MFCC, converted to the int8 .tflite that its authors deploy.

Aftab et al. 2022, "LIGHT-SERNET: a lightweight fully convolutional neural network for speech emotion recognition".
Its weights are not in a package. The time does not depend on them, so these are random.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from tests.bench.peers.serving import RATE_HZ, WINDOW, serve_sound

_FRAME, _HOP, _BANDS, _CEPSTRA = 1024, 256, 128, 40
_CLASSES = 7
_BLOCKS = ((64, (2, 2)), (96, (2, 2)), (128, (2, 1)), (160, (2, 1)))
"""Filters of each 3x3 convolution, and the average pooling after it."""


def _conv_block(x: Any, filters: int, size: tuple[int, int], pool: tuple[int, int] | None) -> Any:
    x = tf.keras.layers.Conv2D(filters, size, padding="same", use_bias=False)(x)
    x = tf.keras.layers.ReLU()(tf.keras.layers.BatchNormalization()(x))
    return tf.keras.layers.AveragePooling2D(pool, padding="same")(x) if pool else x


def _network() -> Any:
    frames = 1 + (WINDOW - _FRAME) // _HOP
    cepstra = tf.keras.Input((frames, _CEPSTRA, 1))
    x = tf.keras.layers.Concatenate()([_conv_block(cepstra, 32, size, (2, 2)) for size in ((11, 1), (1, 9), (3, 3))])
    for filters, pool in _BLOCKS:
        x = _conv_block(x, filters, (3, 3), pool)
    x = tf.keras.layers.GlobalAveragePooling2D()(_conv_block(x, 320, (1, 1), None))
    return tf.keras.Model(cepstra, tf.keras.layers.Dense(_CLASSES, activation="softmax")(x))


def _tflite() -> bytes:
    network = _network()

    def read(samples: Any) -> Any:
        spectrum = tf.raw_ops.AudioSpectrogram(input=samples, window_size=_FRAME, stride=_HOP, magnitude_squared=True)
        cepstra = tf.raw_ops.Mfcc(
            spectrogram=spectrum,
            sample_rate=RATE_HZ,
            lower_frequency_limit=80.0,
            upper_frequency_limit=7600.0,
            filterbank_channel_count=_BANDS,
            dct_coefficient_count=_CEPSTRA,
        )
        return network(tf.clip_by_value(cepstra, -10, 10)[..., None])

    graph = tf.function(read).get_concrete_function(tf.TensorSpec((WINDOW, 1), tf.float32))
    frozen = convert_variables_to_constants_v2(graph)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.allow_custom_ops = True  # the two audio ops are the runtime's own, not standard ones
    content: bytes = converter.convert()
    return content


def load() -> Callable[[Any, int], int]:
    interpreter = tf.lite.Interpreter(model_content=_tflite(), num_threads=1)
    interpreter.allocate_tensors()
    input_index, output_index = (
        interpreter.get_input_details()[0]["index"],
        interpreter.get_output_details()[0]["index"],
    )

    def read_window(samples: Any, begin: int) -> int:
        interpreter.set_tensor(input_index, samples[:, None])
        interpreter.invoke()
        return len(interpreter.get_tensor(output_index))

    return read_window


serve_sound(load)
