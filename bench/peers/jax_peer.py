"""JAX with Optax, and without Keras, which was slower on it."""

from __future__ import annotations

import time
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

import protocol
from networks import Conv, Dense, Dropout, Flatten, Network, Pool

# The bits of XLA's own generator are quicker made than the default's.
jax.config.update("jax_default_prng_impl", "rbg")

Weights = list[tuple[jax.Array, jax.Array]]
Carry = tuple[Weights, optax.OptState, jax.Array, jax.Array]  # ..., random key, sum of losses


def initial_weights(network: Network) -> Weights:
    weights = []
    for index, place in enumerate(network.placed()):
        match place.layer:
            case Conv(filters=n, kernel=k):
                shape = (k, k, place.src[2], n)
            case Dense(units=n):
                shape = (place.src[0], n)
            case _:
                continue
        kernel = jax.nn.initializers.glorot_uniform()(jax.random.key(index), shape)
        weights.append((kernel, jnp.zeros(shape[-1])))
    return weights


def max_pool(x: jax.Array) -> jax.Array:
    """Of 2x2. lax.reduce_window is the usual way, but its gradient is slow: the step of the MNIST
    convnet took 1.7 times as long."""
    n, h, w, c = x.shape
    even = x[:, :h // 2 * 2, :w // 2 * 2]
    return even.reshape(n, h // 2, 2, w // 2, 2, c).max(axis=(2, 4))


def apply(network: Network, weights: Weights, x: jax.Array, key: jax.Array | None) -> jax.Array:
    """The logits. Drops out if there is a random key."""
    remaining = iter(weights)
    for place in network.placed():
        match place.layer:
            case Conv(same=same):
                kernel, bias = next(remaining)
                x = lax.conv_general_dilated(x, kernel, (1, 1), "SAME" if same else "VALID",
                                             dimension_numbers=("NHWC", "HWIO", "NHWC"))
                x = jax.nn.relu(x + bias)
            case Pool():
                x = max_pool(x)
            case Flatten():
                x = x.reshape(x.shape[0], -1)
            case Dropout(rate=rate) if key is not None:
                kept = jax.random.bernoulli(key, 1 - rate, x.shape)
                x = jnp.where(kept, x / (1 - rate), 0)
            case Dense(relu=relu):
                kernel, bias = next(remaining)
                x = x @ kernel + bias
                x = jax.nn.relu(x) if relu else x
    return x


class JaxPeer:
    version = jax.__version__
    choices = "a compiled step with donated buffers, pooling by reshaping"

    def __init__(self, task: protocol.Task, data: protocol.Images) -> None:
        self.network = task.network
        self.batch = task.batch
        self.pixels = jnp.asarray(data.pixels)
        self.labels = jnp.asarray(data.labels)
        self.optimizer = optax.adam(
            protocol.ADAM["learning_rate"], protocol.ADAM["beta_1"], protocol.ADAM["beta_2"],
            eps=protocol.ADAM["epsilon"])
        weights = initial_weights(task.network)
        self.carry = (weights, self.optimizer.init(weights), jax.random.key(1), jnp.zeros(()))
        self.random = np.random.default_rng(1)

    def parameters(self) -> int:
        return sum(array.size for array in jax.tree.leaves(self.carry[0]))

    # lax.scan over several steps made them several times as slow: in its loop XLA's convolutions do
    # without Eigen's.
    @partial(jax.jit, static_argnums=0, donate_argnums=1)
    def step(self, carry: Carry, pixels: jax.Array, labels: jax.Array, chosen: jax.Array) -> Carry:
        weights, state, key, total = carry
        key, dropout_key = jax.random.split(key)

        def loss_of(weights: Weights) -> jax.Array:
            logits = apply(self.network, weights, pixels[chosen], dropout_key)
            losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels[chosen])
            return losses.mean()

        loss, gradients = jax.value_and_grad(loss_of)(weights)
        updates, state = self.optimizer.update(gradients, state)
        return optax.apply_updates(weights, updates), state, key, total + loss

    def train(self, images: int, epochs: int) -> list[float]:
        seconds = []
        for _ in range(epochs):
            begin = time.perf_counter()
            order = self.random.permutation(images).astype(np.int32)
            for chosen in order.reshape(-1, self.batch):
                self.carry = self.step(self.carry, self.pixels, self.labels, chosen)
            self.carry[3].item()  # steps run behind the program's back: wait for the last
            seconds.append(time.perf_counter() - begin)
        return seconds

    def predictor(self, batch: int) -> protocol.Predict:
        weights = self.carry[0]
        compiled = jax.jit(lambda pixels: apply(self.network, weights, pixels, None))
        return lambda pixels: np.asarray(compiled(pixels))


if __name__ == "__main__":
    protocol.run(JaxPeer)
