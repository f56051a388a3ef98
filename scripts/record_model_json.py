#!/usr/bin/env python3
"""Records how Keras writes networks as JSON, for tests/train/model_json_test.cpp; with arguments,
has Keras read JSON that Tilewise wrote, as a check by hand.

    python3 -m venv .venv
    .venv/bin/pip install keras==3.8.0 jax
    KERAS_BACKEND=jax .venv/bin/python scripts/record_model_json.py
    KERAS_BACKEND=jax .venv/bin/python scripts/record_model_json.py lenet5.json...

Writes tests/golden/keras3_sequential.json, keras3_more_layers.json and keras3_functional.json. Needs Keras and any backend.
"""

import sys
from pathlib import Path

import keras
from keras import layers

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden"


def sequential() -> keras.Model:
    """The layers of Keras's own MNIST examples, with options that are not the defaults."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(8, (3, 5), activation="relu", name="first"),
            layers.MaxPooling2D((2, 2)),
            layers.Conv2D(16, 3, padding="same", strides=2),
            layers.ReLU(),
            layers.Conv2D(4, 3, dilation_rate=(1, 2)),
            layers.MaxPooling2D(2, strides=1, padding="same"),
            layers.Flatten(),
            layers.Dropout(0.25),
            layers.Dense(20, activation="relu"),
            layers.Dense(10),
            layers.Softmax(),
        ],
        name="every_layer",
    )


def more_layers() -> keras.Model:
    """The other layers that Tilewise has, and initializers."""
    return keras.Sequential(
        [
            keras.Input((28, 28, 2), name="input_layer"),
            layers.ZeroPadding2D(((1, 2), (0, 3))),
            layers.Conv2D(8, 3, groups=2, use_bias=False, kernel_initializer="he_normal"),
            layers.BatchNormalization(momentum=0.9, epsilon=1e-5),
            layers.LeakyReLU(negative_slope=0.1),
            layers.DepthwiseConv2D(3, strides=2, padding="same", depth_multiplier=2, activation="silu"),
            layers.BatchNormalization(center=False, scale=False),
            layers.DepthwiseConv2D(3, use_bias=False, dilation_rate=2, depthwise_initializer="he_uniform"),
            layers.Activation("gelu"),
            layers.AveragePooling2D((2, 1), padding="same"),
            layers.Conv2D(6, 1, kernel_initializer=keras.initializers.RandomNormal(0.1, 0.2),
                          bias_initializer="ones", activation="leaky_relu"),
            layers.Activation("silu"),
            layers.Conv2D(6, 1, kernel_initializer="lecun_normal", activation="elu"),
            layers.Activation("tanh"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(9, kernel_initializer=keras.initializers.RandomUniform(-0.1, 0.2), use_bias=False),
            layers.ELU(alpha=0.5),
            layers.Dense(8, kernel_initializer="lecun_uniform", activation="gelu"),
            layers.BatchNormalization(),
            layers.Dense(7, kernel_initializer="glorot_normal", activation="tanh"),
            layers.Dense(5, activation="sigmoid"),
            layers.Activation("sigmoid"),
        ],
        name="more_layers",
    )


def functional() -> keras.Model:
    image = keras.Input((12, 10, 3))
    x = layers.Conv2D(4, 3)(image)
    x = layers.Activation("relu")(x)
    x = layers.Dropout(0.5)(x)
    x = layers.Flatten()(x)
    x = layers.Activation("linear")(x)
    return keras.Model(image, layers.Dense(10, activation="softmax")(x), name="chain")


def main() -> None:
    for path in sys.argv[1:]:
        model = keras.models.model_from_json(Path(path).read_text())
        print(f"{path}: Keras {keras.__version__} reads {model.name}, "
              f"{model.count_params():,} parameters, output {model.output_shape}")
    if len(sys.argv) == 1:
        (GOLDEN / "keras3_sequential.json").write_text(sequential().to_json() + "\n")
        (GOLDEN / "keras3_functional.json").write_text(functional().to_json() + "\n")
        (GOLDEN / "keras3_more_layers.json").write_text(more_layers().to_json() + "\n")


if __name__ == "__main__":
    main()
