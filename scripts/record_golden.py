#!/usr/bin/env python3
"""Records what Keras and PyTorch make of two networks, for tests/layers/golden_test.cpp.

    scripts/fetch_data.sh mnist
    python3 -m venv .venv
    .venv/bin/pip install -r tests/golden/requirements.txt
    .venv/bin/python scripts/record_golden.py

Writes tests/golden/*.safetensors; docs/parity.md tells what is in them. Run by hand when a network
is added: the tests need the files alone.

Both frameworks start from the same weights, which Keras draws, and compute in double; the script
fails if they then disagree. It also prints how far their own runs in float are from that.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal, Protocol

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file

Array = np.ndarray
Arrays = dict[str, Array]
Padding = Literal["valid", "same"]
Activation = Literal["linear", "relu", "softmax"]

ROOT = Path(__file__).resolve().parent.parent
IMAGES = 32
BATCH = 16  # images of a training step
SHOWN = 2  # images whose outputs are recorded
STEPS = 20
AGREEMENT = 1e-12  # of the two frameworks in double, relative to the largest value
NOISE = 2e-6  # relative change of the weights that conditions are measured with
TRIALS = 8
WORST_CONDITION = 10


# --- Networks, for both frameworks --------------------------------------------------------------


@dataclass(frozen=True)
class Conv:
    filters: int
    kernel_size: int
    strides: int = 1
    padding: Padding = "valid"
    activation: Activation = "linear"


@dataclass(frozen=True)
class Pool:
    pool_size: int
    strides: int
    padding: Padding = "valid"


@dataclass(frozen=True)
class Flatten:
    pass


@dataclass(frozen=True)
class Dense:
    units: int
    activation: Activation = "linear"


@dataclass(frozen=True)
class Adam:
    learning_rate: float = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7


@dataclass(frozen=True)
class SGD:
    learning_rate: float
    momentum: float


@dataclass(frozen=True)
class Network:
    layers: dict[str, Conv | Pool | Flatten | Dense]
    optimizer: Adam | SGD
    seed: int  # of the start weights: one that leaves conditions small
    bias_limit: float = 0.0  # biases start uniform in +- this


NETWORKS = {
    # The Keras example without its dropout.
    "mnist_convnet": Network(
        {
            "conv2d": Conv(32, 3, activation="relu"),
            "max_pooling2d": Pool(2, 2),
            "conv2d_1": Conv(64, 3, activation="relu"),
            "max_pooling2d_1": Pool(2, 2),
            "flatten": Flatten(),
            "dense": Dense(10, "softmax"),
        },
        Adam(),
        seed=1,
    ),
    # What that one leaves out.
    "odd_convnet": Network(
        {
            "conv2d": Conv(5, 5, strides=2, padding="same", activation="relu"),
            "conv2d_1": Conv(7, 3),
            "max_pooling2d": Pool(3, 2, padding="same"),
            "conv2d_2": Conv(6, 4, padding="same", activation="relu"),
            "flatten": Flatten(),
            "dense": Dense(19, "relu"),
            "dense_1": Dense(10, "softmax"),
        },
        SGD(learning_rate=0.05, momentum=0.9),
        seed=8,
        bias_limit=0.2,
    ),
}


# --- Frameworks ---------------------------------------------------------------------------------


class Framework(Protocol):
    """A network in one framework. Arrays are laid out as Keras does: NHWC, HWIO, IO."""

    def __init__(self, network: Network, dtype: str) -> None: ...
    def weights(self) -> Arrays: ...
    def set_weights(self, weights: Arrays) -> None: ...
    def outputs(self, images: Array) -> Arrays: ...
    def gradients(self, images: Array, labels: Array) -> tuple[float, Arrays]: ...
    def update(self, gradients: Arrays) -> None: ...


class Keras:
    def __init__(self, network: Network, dtype: str) -> None:
        keras.config.set_floatx(dtype)  # of optimizers and losses
        keras.config.set_dtype_policy(dtype)  # of layers
        layers = [self._layer(name, layer, network) for name, layer in network.layers.items()]
        self._model = keras.Sequential([keras.Input((28, 28, 1)), *layers])
        self._loss = keras.losses.SparseCategoricalCrossentropy()
        make = {Adam: keras.optimizers.Adam, SGD: keras.optimizers.SGD}[type(network.optimizer)]
        # TensorFlow turns a Python number into a float before it makes a double of it.
        number = np.float64 if dtype == "float64" else float
        self._optimizer = make(**{name: number(v) for name, v in vars(network.optimizer).items()})

    @staticmethod
    def _layer(name: str, layer: Conv | Pool | Flatten | Dense, network: Network) -> keras.Layer:
        limit = network.bias_limit
        bias = {"bias_initializer": keras.initializers.RandomUniform(-limit, limit)}
        match layer:
            case Conv():
                return keras.layers.Conv2D(name=name, **vars(layer), **bias)
            case Pool():
                return keras.layers.MaxPooling2D(name=name, **vars(layer))
            case Flatten():
                return keras.layers.Flatten(name=name)
            case Dense():
                return keras.layers.Dense(name=name, **vars(layer), **bias)

    def weights(self) -> Arrays:
        return {name: variable.numpy() for name, variable in self._variables().items()}

    def set_weights(self, weights: Arrays) -> None:
        for name, variable in self._variables().items():
            variable.assign(weights[name])

    def outputs(self, images: Array) -> Arrays:
        taps = keras.Model(self._model.inputs[0], [layer.output for layer in self._model.layers])
        names = [layer.name for layer in self._model.layers]
        return {name: out.numpy() for name, out in zip(names, taps(images), strict=True)}

    def gradients(self, images: Array, labels: Array) -> tuple[float, Arrays]:
        with tf.GradientTape() as tape:
            loss = self._loss(labels, self._model(images, training=True))
        gradients = tape.gradient(loss, {n: v.value for n, v in self._variables().items()})
        return float(loss), {name: gradient.numpy() for name, gradient in gradients.items()}

    def update(self, gradients: Arrays) -> None:
        variables = self._variables()
        self._optimizer.apply([tf.constant(gradients[n]) for n in variables], variables.values())

    def _variables(self) -> dict[str, keras.Variable]:
        # A path is "sequential/conv2d/kernel".
        return {v.path.partition("/")[2]: v for v in self._model.trainable_variables}


class PyTorch:
    def __init__(self, network: Network, dtype: str) -> None:
        self._network = network
        self._dtype = getattr(torch, dtype)
        self._weights: dict[str, torch.Tensor] = {}  # NCHW's: OIHW, OI

    def weights(self) -> Arrays:
        return {name: self._to_keras(value) for name, value in self._weights.items()}

    def set_weights(self, weights: Arrays) -> None:
        values = {name: self._from_keras(value) for name, value in weights.items()}
        if self._weights:
            for name, weight in self._weights.items():
                weight.data.copy_(values[name])
            return
        self._weights = {name: value.requires_grad_() for name, value in values.items()}
        match self._network.optimizer:
            case Adam(rate, beta_1, beta_2):
                self._optimizer: torch.optim.Optimizer = torch.optim.Adam(
                    self._weights.values(), rate, (beta_1, beta_2)
                )
            case SGD(rate, momentum):
                self._optimizer = torch.optim.SGD(self._weights.values(), rate, momentum)
        self._steps = 0

    def outputs(self, images: Array) -> Arrays:
        with torch.no_grad():
            outputs = dict(self._forward(images))
        name, logits = outputs.popitem()
        outputs[name] = logits.softmax(1)
        return {name: self._nhwc(value).numpy() for name, value in outputs.items()}

    def gradients(self, images: Array, labels: Array) -> tuple[float, Arrays]:
        *_, (_, logits) = self._forward(images)
        loss = F.cross_entropy(logits, torch.from_numpy(labels).long())
        gradients = torch.autograd.grad(loss, list(self._weights.values()))
        named = zip(self._weights, map(self._to_keras, gradients), strict=True)
        return float(loss), dict(named)

    def update(self, gradients: Arrays) -> None:
        self._steps += 1
        for name, weight in self._weights.items():
            weight.grad = self._from_keras(gradients[name])
        match self._network.optimizer:
            case Adam(_, _, beta_2, epsilon):
                # PyTorch adds epsilon after it corrects v for its start at zero, Keras before.
                corrected = epsilon / math.sqrt(1 - beta_2**self._steps)
                self._optimizer.param_groups[0]["eps"] = corrected
        self._optimizer.step()

    def _forward(self, images: Array) -> Iterator[tuple[str, torch.Tensor]]:
        """Each layer's name and output, NCHW; logits for the last."""
        x = torch.from_numpy(images).to(self._dtype).permute(0, 3, 1, 2)
        for name, layer in self._network.layers.items():
            match layer:
                case Conv(_, size, strides, padding):
                    if padding == "same":
                        x = self._pad_same(x, size, strides, 0)
                    x = F.conv2d(x, *self._parameters(name), stride=strides)
                case Pool(size, strides, padding):
                    if padding == "same":
                        x = self._pad_same(x, size, strides, -math.inf)
                    x = F.max_pool2d(x, size, strides)
                case Flatten():
                    x = self._nhwc(x).flatten(1)
                case Dense():
                    x = F.linear(x, *self._parameters(name))
            if getattr(layer, "activation", "linear") == "relu":
                x = F.relu(x)
            yield name, x

    def _parameters(self, layer: str) -> tuple[torch.Tensor, torch.Tensor]:
        return self._weights[f"{layer}/kernel"], self._weights[f"{layer}/bias"]

    @staticmethod
    def _pad_same(x: torch.Tensor, window: int, stride: int, value: float) -> torch.Tensor:
        """Keras's padding, the smaller half before; PyTorch has none for strides."""
        pads = []
        for extent in (x.shape[3], x.shape[2]):
            total = max((math.ceil(extent / stride) - 1) * stride + window - extent, 0)
            pads += [total // 2, total - total // 2]
        return F.pad(x, pads, value=value)

    @staticmethod
    def _nhwc(x: torch.Tensor) -> torch.Tensor:
        return x.permute(0, 2, 3, 1) if x.ndim == 4 else x

    def _from_keras(self, value: Array) -> torch.Tensor:
        axes = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}[value.ndim]
        return torch.from_numpy(value).to(self._dtype).permute(axes).contiguous().clone()

    @staticmethod
    def _to_keras(value: torch.Tensor) -> Array:
        axes = {4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}[value.ndim]
        return value.detach().permute(axes).contiguous().numpy().copy()


# --- What is recorded ---------------------------------------------------------------------------


def read_images() -> tuple[Array, Array]:
    """The first test images and their labels."""
    folder = ROOT / "data" / "mnist"
    pixels = np.fromfile(folder / "t10k-images-idx3-ubyte", np.uint8, IMAGES * 28 * 28, offset=16)
    labels = np.fromfile(folder / "t10k-labels-idx1-ubyte", np.uint8, IMAGES, offset=8)
    return (pixels / np.float32(255)).reshape(IMAGES, 28, 28, 1), labels


def record(framework: Framework, start: Arrays, noise: float = 0, seed: int = 0) -> Arrays:
    """Outputs and gradients of the start weights, then the losses of STEPS steps of training.

    With noise, whatever is computed from weights w is computed from w (1 + noise * normal).
    """
    generator = np.random.default_rng(seed)

    def disturb(weights: Arrays) -> None:
        framework.set_weights(
            {n: w * (1 + noise * generator.standard_normal(w.shape)) for n, w in weights.items()}
            if noise
            else weights
        )

    images, labels = read_images()
    numbers: Arrays = {}
    losses = []
    disturb(start)
    for name, value in framework.outputs(images[:SHOWN]).items():
        numbers[f"output/{name}"] = value
    framework.set_weights(start)
    for step in range(STEPS):
        first = step * BATCH % IMAGES
        weights = framework.weights()
        disturb(weights)
        loss, gradients = framework.gradients(
            images[first : first + BATCH], labels[first : first + BATCH]
        )
        framework.set_weights(weights)
        framework.update(gradients)
        losses.append(loss)
        if step == 0:
            numbers |= {f"gradient/{name}": value for name, value in gradients.items()}
    numbers["losses"] = np.array(losses)
    return numbers


def distance(actual: Array, exact: Array) -> float:
    return float(np.abs(actual - exact).max() / np.abs(exact).max())


def conditions(network: Network, start: Arrays, exact: Arrays) -> Arrays:
    """How much each recorded number changes, over how much the weights do: see docs/parity.md."""
    worst = {name: np.zeros(STEPS if name == "losses" else 1) for name in exact}
    for trial in range(TRIALS):
        disturbed = record(PyTorch(network, "float64"), start, NOISE, seed=trial)
        for name, value in disturbed.items():
            change = np.abs(value - exact[name])
            # Errors of later steps build on those of earlier ones.
            change = np.maximum.accumulate(change) if name == "losses" else change.max()
            np.maximum(worst[name], change / np.abs(exact[name]).max() / NOISE, out=worst[name])
    return worst


def save(name: str, tensors: Arrays, metadata: dict[str, str] | None = None) -> None:
    path = ROOT / "tests" / "golden" / f"{name}.safetensors"
    packages = [f"{package} {version(package)}" for package in ("keras", "tensorflow-cpu", "torch")]
    save_file(
        {key: np.ascontiguousarray(value, np.float32) for key, value in tensors.items()},
        path,
        {"recorded_with": ", ".join(packages)} | (metadata or {}),
    )
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes")


def record_network(name: str, network: Network) -> None:
    keras.utils.set_random_seed(network.seed)
    start = Keras(network, "float32").weights()
    exact = record(Keras(network, "float64"), start)
    other = record(PyTorch(network, "float64"), start)
    for key, value in other.items():
        if (apart := distance(value, exact[key])) > AGREEMENT:
            raise SystemExit(f"{name}: {key}: Keras and PyTorch are {apart:.1e} apart")
    worst = conditions(network, start, exact)
    if (condition := max(value.max() for value in worst.values())) > WORST_CONDITION:
        raise SystemExit(f"{name}: rounding decides some ReLU or pooling: {condition:.0f}")
    recorded = {f"start/{key}": value for key, value in start.items()}
    recorded |= exact | {f"condition/{key}": value for key, value in worst.items()}
    save(name, recorded)
    for kind in (Keras, PyTorch):
        single = record(kind(network, "float32"), start)
        print(f"  {kind.__name__} in float is off, times largest value (condition):")
        for key, value in single.items():
            print(f"    {key:30} {distance(value, exact[key]):.1e} ({worst[key].max():.2g})")


def main() -> None:
    images, labels = read_images()
    save("images", {"images": images, "labels": labels})
    for name, network in NETWORKS.items():
        record_network(name, network)


if __name__ == "__main__":
    main()
