"""What the Python peers have in common: arguments, data, the order of measurements, and the line
of JSON that a peer prints. protocol.hpp is the same in C++."""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from networks import NETWORKS, Network

ADAM = {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
CLASSES = 10
WARM_UP_STEPS = 8
INFERENCE_BATCHES = (1, 128)
INFERENCE_SECONDS = 0.7
RANDOM_TEST_IMAGES = 1280

Predict = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Task:
    """What the command line asks for."""

    name: str
    network: Network
    batch: int
    epochs: int
    images: int
    threads: int
    data: Path
    variant: str  # of a framework that has more than one way; "" for the best


@dataclass(frozen=True)
class Images:
    """Pixels from 0 to 1 as float32, (n, height, width, channels); labels as int32."""

    pixels: np.ndarray
    labels: np.ndarray


class Peer(Protocol):
    version: str
    choices: str  # in a few words, how it was set up

    def parameters(self) -> int:
        """The number of trainable parameters."""

    def train(self, images: int, epochs: int) -> list[float]:
        """Trains on the first `images` images, a multiple of the batch, shuffled anew each epoch;
        returns the seconds of each epoch, everything included."""

    def predictor(self, batch: int) -> Predict:
        """Something that turns a batch of pixels in memory into logits or probabilities there."""


def parse_arguments() -> Task:
    parser = argparse.ArgumentParser()
    parser.add_argument("--network", choices=NETWORKS, required=True)
    for name in ("--batch", "--epochs", "--images", "--threads"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--variant", default="")
    given = parser.parse_args()
    return Task(given.network, NETWORKS[given.network], given.batch, given.epochs, given.images,
                given.threads, given.data, given.variant)


def read_idx(path: Path) -> np.ndarray:
    opened = open(path, "rb") if path.exists() else gzip.open(f"{path}.gz", "rb")
    with opened as file:
        header = file.read(4)
        shape = np.frombuffer(file.read(4 * header[3]), dtype=">u4")
        return np.frombuffer(file.read(), dtype=np.uint8).reshape(shape)


def load(task: Task, split: str, limit: int) -> Images:
    """MNIST where the network takes such images, else noise."""
    if task.network.shape == (28, 28, 1):
        images = read_idx(task.data / f"{split}-images-idx3-ubyte")[:limit, :, :, None]
        labels = read_idx(task.data / f"{split}-labels-idx1-ubyte")[:limit]
    else:
        random = np.random.default_rng(1)
        images = random.integers(0, 256, (limit, *task.network.shape), dtype=np.uint8)
        labels = random.integers(0, CLASSES, limit, dtype=np.uint8)
    return Images(images.astype(np.float32) / np.float32(255), labels.astype(np.int32))


def seconds_since_start() -> float | None:
    """Since the driver started this process: it leaves the monotonic clock in the environment."""
    started = os.environ.get("PEER_STARTED_NS")
    return (time.monotonic_ns() - int(started)) / 1e9 if started else None


def peak_memory_bytes() -> int:
    """The largest resident set of this process so far."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return 1024 * int(line.split()[1])


def throughput(predict: Predict, pixels: np.ndarray, batch: int) -> float:
    """Images a second, one batch after the other."""
    starts = range(0, len(pixels) - batch + 1, batch)
    for first in starts[:8]:
        predict(pixels[first:first + batch])
    images = 0
    begin = time.perf_counter()
    while True:
        for first in starts:
            predict(pixels[first:first + batch])
            images += batch
            seconds = time.perf_counter() - begin
            if seconds >= INFERENCE_SECONDS:
                return images / seconds


def accuracy(predict: Predict, test: Images, batch: int) -> float:
    """Over whole batches."""
    count = len(test.labels) // batch * batch
    right = 0
    for first in range(0, count, batch):
        output = predict(test.pixels[first:first + batch])
        right += int(np.sum(output.argmax(axis=1) == test.labels[first:first + batch]))
    return right / count


def run(make_peer: Callable[[Task, Images], Peer]) -> None:
    """The whole of a peer: measures, and prints the result as one line of JSON."""
    task = parse_arguments()
    peer = make_peer(task, load(task, "train", task.images))
    peer.train(task.batch, 1)
    first_step_seconds = seconds_since_start()
    peer.train(min(task.images, WARM_UP_STEPS * task.batch), 1)
    epoch_seconds = peer.train(task.images, task.epochs)
    memory = peak_memory_bytes()

    is_mnist = task.network.shape == (28, 28, 1)
    test = load(task, "t10k", 10_000 if is_mnist else RANDOM_TEST_IMAGES)
    predictors = {batch: peer.predictor(batch) for batch in INFERENCE_BATCHES}
    print(json.dumps({
        "version": peer.version,
        "choices": peer.choices,
        "network": task.name,
        "batch": task.batch,
        "epochs": task.epochs,
        "images": task.images,
        "threads": task.threads,
        "parameters": peer.parameters(),
        "first_step_seconds": first_step_seconds,
        "epoch_seconds": epoch_seconds,
        "peak_memory_bytes": memory,
        "inference_images_per_second": {
            str(batch): throughput(predict, test.pixels, batch)
            for batch, predict in predictors.items()},
        "test_accuracy": accuracy(predictors[128], test, 128) if is_mnist else None,
    }), file=sys.stdout, flush=True)
