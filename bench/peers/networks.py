"""The networks that all peers train, described once; what they cost, and in which batches they run.

tilewise_peer.cpp and dlib_peer.cpp spell them out again, for that is how C++ is written; compare.py
compares the numbers of parameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Conv:
    """Convolution of stride 1 with bias and ReLU."""

    filters: int
    kernel: int
    same: bool = False


@dataclass(frozen=True)
class Pool:
    """Max-pooling of 2x2, stride 2."""


@dataclass(frozen=True)
class Flatten:
    pass


@dataclass(frozen=True)
class Dropout:
    rate: float


@dataclass(frozen=True)
class Dense:
    units: int
    relu: bool = False


Layer = Conv | Pool | Flatten | Dropout | Dense


@dataclass(frozen=True)
class Placed:
    """A layer in its place: the shapes of one image before and after it."""

    layer: Layer
    src: Shape
    dst: Shape

    @property
    def parameters(self) -> int:
        match self.layer:
            case Conv(filters=n, kernel=k):
                return k * k * self.src[2] * n + n
            case Dense(units=n):
                return self.src[0] * n + n
        return 0

    @property
    def multiply_adds(self) -> int:
        """Of one image, forward; padding is counted."""
        match self.layer:
            case Conv(kernel=k):
                return prod(self.dst) * k * k * self.src[2]
            case Dense(units=n):
                return self.src[0] * n
        return 0


@dataclass(frozen=True)
class Network:
    """A row of layers that ends in ten logits, trained with softmax and cross-entropy."""

    shape: Shape  # of one image: height, width, channels
    layers: tuple[Layer, ...]

    def placed(self) -> Iterator[Placed]:
        src = self.shape
        for layer in self.layers:
            dst = src
            match layer:
                case Conv(filters=n, kernel=k, same=same):
                    cut = 0 if same else k - 1
                    dst = (src[0] - cut, src[1] - cut, n)
                case Pool():
                    dst = (src[0] // 2, src[1] // 2, src[2])
                case Flatten():
                    dst = (prod(src),)
                case Dense(units=n):
                    dst = (n,)
            yield Placed(layer, src, dst)
            src = dst

    def parameters(self) -> int:
        return sum(place.parameters for place in self.placed())

    def training_flops(self) -> int:
        """Nominal operations of one image in one step: three passes (forward, gradients of weights
        and of inputs), of the first layer two. Whatever a framework may be able to skip."""
        costs = [2 * place.multiply_adds for place in self.placed()]
        first = next(cost for cost in costs if cost > 0)
        return 3 * sum(costs) - first


NETWORKS = {
    # keras.io/examples/vision/mnist_convnet
    "mnist_convnet": Network(
        (28, 28, 1),
        (Conv(32, 3), Pool(), Conv(64, 3), Pool(), Flatten(), Dropout(0.5), Dense(10)),
    ),
    # LeCun et al. 1998, with the ReLU and max-pooling that everybody now uses
    "lenet5": Network(
        (28, 28, 1),
        (Conv(6, 5, same=True), Pool(), Conv(16, 5), Pool(), Flatten(),
         Dense(120, relu=True), Dense(84, relu=True), Dense(10)),
    ),
    # CIFAR-10's size, after Simonyan and Zisserman 2015; on random images
    "vgg_style": Network(
        (32, 32, 3),
        (Conv(32, 3, same=True), Conv(32, 3, same=True), Pool(),
         Conv(64, 3, same=True), Conv(64, 3, same=True), Pool(),
         Conv(128, 3, same=True), Conv(128, 3, same=True), Pool(), Flatten(), Dense(10)),
    ),
}


@dataclass(frozen=True)
class Case:
    network: str
    batch: int
    images: int  # of an epoch, unless the user says how many

    @property
    def name(self) -> str:
        return f"{self.network}/{self.batch}"


CASES = (
    Case("mnist_convnet", 32, 12_800),
    Case("mnist_convnet", 128, 12_800),
    Case("mnist_convnet", 256, 12_800),
    Case("lenet5", 128, 25_600),
    Case("vgg_style", 128, 1_280),
)
