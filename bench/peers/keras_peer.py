"""Keras on TensorFlow, compiled with XLA (jit_compile=True) where that was faster. --variant xla
and --variant graph do one or the other everywhere; see docs/performance.md for what they bring."""

from __future__ import annotations

import os
import time

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import layers  # noqa: E402

import protocol  # noqa: E402
from networks import Conv, Dense, Dropout, Flatten, Placed, Pool  # noqa: E402

STEPS_PER_EXECUTION = 10
XLA = {"lenet5"}


def layer(place: Placed) -> keras.Layer:
    match place.layer:
        case Conv(filters=n, kernel=k, same=same):
            return layers.Conv2D(n, k, padding="same" if same else "valid", activation="relu")
        case Pool():
            return layers.MaxPooling2D(2)
        case Flatten():
            return layers.Flatten()
        case Dropout(rate=rate):
            return layers.Dropout(rate)
        case Dense(units=n, relu=relu):
            return layers.Dense(n, activation="relu" if relu else None)
    raise TypeError(place.layer)


class EpochTimes(keras.callbacks.Callback):
    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        self.begin = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        self.seconds.append(time.perf_counter() - self.begin)


class KerasPeer:
    version = f"{keras.__version__} on TensorFlow {tf.__version__}"

    def __init__(self, task: protocol.Task, data: protocol.Images) -> None:
        tf.config.threading.set_intra_op_parallelism_threads(task.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        keras.utils.set_random_seed(1)
        self.batch = task.batch
        self.data = data
        xla = task.variant == "xla" or (task.variant == "" and task.name in XLA)
        self.model = keras.Sequential(
            [keras.Input(task.network.shape), *map(layer, task.network.placed())])
        self.model.compile(
            optimizer=keras.optimizers.Adam(**protocol.ADAM),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=xla, steps_per_execution=STEPS_PER_EXECUTION)
        self.choices = f"fit() of arrays, {STEPS_PER_EXECUTION} steps per execution, " \
            f"{'XLA' if xla else 'graph with oneDNN'}"

    def parameters(self) -> int:
        return self.model.count_params()

    def train(self, images: int, epochs: int) -> list[float]:
        times = EpochTimes()
        self.model.fit(self.data.pixels[:images], self.data.labels[:images], epochs=epochs,
                       batch_size=self.batch, verbose=0, callbacks=[times])
        return times.seconds

    def predictor(self, batch: int) -> protocol.Predict:
        # model.predict() is made for whole data sets: this is how single batches are served.
        signature = [tf.TensorSpec((batch, *self.model.input_shape[1:]), tf.float32)]
        function = tf.function(lambda pixels: self.model(pixels, training=False), signature)
        compiled = function.get_concrete_function()

        def predict(pixels: np.ndarray) -> np.ndarray:
            return compiled(tf.constant(pixels)).numpy()

        return predict


if __name__ == "__main__":
    protocol.run(KerasPeer)
