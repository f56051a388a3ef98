#!/usr/bin/env python3
"""Records what Keras and PyTorch make of single layers, losses, optimizers and schedules, for
tests/layers/golden_parts_test.cpp.

    python3 -m venv .venv
    .venv/bin/pip install -r tests/golden/requirements.txt
    .venv/bin/python scripts/record_golden_parts.py

Writes tests/golden/parts.safetensors. As in record_golden.py both frameworks compute in double, and the script
fails if they disagree. What PyTorch does otherwise is Keras's alone: see optimizers().
"""

from __future__ import annotations

import math
from collections.abc import Callable

from record_golden import (
    AGREEMENT, NOISE, TRIALS, WORST_CONDITION, Array, Arrays, distance, keras, np, save, tf, torch, F,
)
from keras import layers

IMAGES = 4
STEPS = 8  # of optimizers
RATES = 40  # of schedules
CLASSES = 3

Numbers = dict[str, Array]


# --- Layers and losses: small networks -----------------------------------------------------------


def after_conv(*tested: keras.Layer, loss: float | None = None) -> tuple[list[keras.Layer], float | None]:
    """A 1x1 convolution, whose gradient depends on the one that the tested layers hand back, and a
    dense layer behind them. `loss`: cross-entropy with so much label smoothing; else squared error."""
    return [layers.Conv2D(4, 1, use_bias=False, name="before"), *tested, layers.Flatten(), layers.Dense(CLASSES)], loss


def networks() -> dict[str, Callable[[], tuple[list[keras.Layer], float | None]]]:
    """Functions that make the layers, for each kind of number anew."""
    conv, depthwise, norm = layers.Conv2D, layers.DepthwiseConv2D, layers.BatchNormalization
    cases = {
        "batch_normalization": lambda: after_conv(norm(momentum=0.9)),
        "batch_normalization_plain": lambda: after_conv(norm(center=False, scale=False, epsilon=0.1)),
        "batch_normalization_flat": lambda: after_conv(layers.Flatten(), norm()),
        "depthwise_conv2d": lambda: after_conv(depthwise(3, depth_multiplier=2, activation="silu")),
        "depthwise_conv2d_strided": lambda: after_conv(depthwise(3, strides=2, padding="same", use_bias=False)),
        "depthwise_conv2d_dilated": lambda: after_conv(depthwise(2, dilation_rate=2)),
        "grouped_conv2d": lambda: after_conv(conv(6, 3, groups=2)),
        "grouped_conv2d_strided": lambda: after_conv(conv(8, 2, groups=4, strides=2, padding="same")),
        "dilated_conv2d": lambda: after_conv(conv(5, 2, dilation_rate=(2, 1))),
        "pooling": lambda: after_conv(
            layers.ZeroPadding2D(((1, 2), (0, 3))), layers.AveragePooling2D((2, 3), strides=2, padding="same"),
            conv(5, 2), layers.GlobalAveragePooling2D()),
        "leaky_relu_slope": lambda: after_conv(layers.LeakyReLU(negative_slope=0.125)),
        "elu_alpha": lambda: after_conv(layers.ELU(alpha=0.5)),
        "cross_entropy": lambda: after_conv(loss=0.0),
        "label_smoothing": lambda: after_conv(loss=0.1),
    }
    for name in ("leaky_relu", "elu", "gelu", "silu", "sigmoid", "tanh"):
        cases[name] = lambda name=name: after_conv(layers.Activation(name))
    return cases


def weights_of(model: keras.Model) -> dict[str, keras.Variable]:
    # A path is "sequential/conv2d/kernel".
    return {v.path.partition("/")[2]: v for v in model.variables}


def draw(name: str, shape: tuple[int, ...], generator: np.random.Generator) -> Array:
    """Start weights. Variances are positive, scales near 1, and sums of products neither vanish nor grow."""
    if name.endswith(("moving_variance", "gamma")):
        return generator.uniform(0.5, 1.5, shape).astype(np.float32)
    terms = math.prod(shape[:-1]) if name.endswith("kernel") else 9
    return (generator.standard_normal(shape) / math.sqrt(terms)).astype(np.float32)


class KerasPart:
    def __init__(self, make: Callable[[], tuple[list[keras.Layer], float | None]], dtype: str) -> None:
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)
        keras.utils.clear_session()
        parts, self._smoothing = make()
        self.model = keras.Sequential([keras.Input((6, 5, 3)), *parts], name="part")

    def numbers(self, start: Arrays, images: Array, targets: Array) -> Numbers:
        """What comes out of the start weights, their gradients of one batch, and what it moves."""
        weights = weights_of(self.model)
        for name, variable in weights.items():
            variable.assign(start[name])
        trained = {name: v for name, v in weights.items() if v.trainable}
        numbers = {"output": self.model(images, training=False).numpy()}
        with tf.GradientTape() as tape:
            loss = self._loss(targets, self.model(images, training=True))
        for name, value in tape.gradient(loss, {n: v.value for n, v in trained.items()}).items():
            numbers[f"gradient/{name}"] = value.numpy()
        numbers |= {f"moved/{name}": v.numpy() for name, v in weights.items() if not v.trainable}
        return numbers | {"loss": np.array([float(loss)])}

    def _loss(self, targets: Array, outputs: tf.Tensor) -> tf.Tensor:
        if self._smoothing is None:
            return keras.losses.MeanSquaredError()(targets, outputs)
        return keras.losses.CategoricalCrossentropy(True, np.float64(self._smoothing))(targets, outputs)


class TorchPart:
    """The same network, layer by layer, on Keras's weights in Keras's layout."""

    def __init__(self, model: keras.Model, smoothing: float | None) -> None:
        self._layers = model.layers
        self._smoothing = smoothing
        self._trained = [name for name, v in weights_of(model).items() if v.trainable]

    def numbers(self, start: Arrays, images: Array, targets: Array) -> Numbers:
        weights = {name: torch.from_numpy(value.astype(np.float64)) for name, value in start.items()}
        for name in self._trained:
            weights[name].requires_grad_()
        image, target = torch.from_numpy(images).double(), torch.from_numpy(targets).double()
        numbers = {"output": self._forward(weights, image, None).detach().numpy()}
        moved: dict[str, torch.Tensor] = {}
        outputs = self._forward(weights, image, moved)
        if self._smoothing is None:
            loss = F.mse_loss(outputs, target)
        else:
            loss = F.cross_entropy(outputs, target, label_smoothing=self._smoothing)
        gradients = torch.autograd.grad(loss, [weights[name] for name in self._trained])
        for name, value in zip(self._trained, gradients, strict=True):
            numbers[f"gradient/{name}"] = value.numpy()
        numbers |= {f"moved/{name}": value.detach().numpy() for name, value in moved.items()}
        return numbers | {"loss": np.array([float(loss)])}

    def _forward(self, weights: dict, image: torch.Tensor, moved: dict | None) -> torch.Tensor:
        """Training, and `moved` is to have the new statistics, unless it is None."""
        x = image.permute(0, 3, 1, 2)
        for layer in self._layers:
            own = {n.rpartition("/")[2]: w for n, w in weights.items() if n.startswith(layer.name + "/")}
            match layer:
                case layers.DepthwiseConv2D():
                    channels, many = own["kernel"].shape[2:]
                    kernel = own["kernel"].permute(2, 3, 0, 1).reshape(channels * many, 1, *own["kernel"].shape[:2])
                    x = self._conv(layer, x, kernel, own.get("bias"), channels)
                case layers.Conv2D():
                    x = self._conv(layer, x, own["kernel"].permute(3, 2, 0, 1), own.get("bias"), layer.groups)
                case layers.BatchNormalization():
                    x = self._normalize(layer, x, own, moved)
                case layers.AveragePooling2D():
                    sums = [F.avg_pool2d(self._pad(layer, v, layer.pool_size, 1), layer.pool_size, layer.strides)
                            for v in (x, torch.ones_like(x))]
                    x = sums[0] / sums[1]  # of what is no padding
                case layers.GlobalAveragePooling2D():
                    x = x.mean((2, 3))
                case layers.ZeroPadding2D():
                    (top, bottom), (left, right) = layer.padding
                    x = F.pad(x, (left, right, top, bottom))
                case layers.Flatten():
                    x = (x.permute(0, 2, 3, 1) if x.ndim == 4 else x).flatten(1)
                case layers.Dense():
                    x = F.linear(x, own["kernel"].T, own["bias"])
                case layers.LeakyReLU():
                    x = F.leaky_relu(x, layer.negative_slope)
                case layers.ELU():
                    x = F.elu(x, layer.alpha)
            x = self._activate(getattr(layer, "activation", None), x)
        return x

    def _conv(self, layer: keras.Layer, x, kernel, bias, groups: int) -> torch.Tensor:
        x = self._pad(layer, x, layer.kernel_size, layer.dilation_rate)
        return F.conv2d(x, kernel, bias, layer.strides, dilation=layer.dilation_rate, groups=groups)

    @staticmethod
    def _pad(layer: keras.Layer, x: torch.Tensor, window: tuple, dilation) -> torch.Tensor:
        """Keras's "same", the smaller half before."""
        if layer.padding != "same":
            return x
        pads = []
        for axis in (1, 0):  # PyTorch begins with the last one
            extent, stride = x.shape[2 + axis], layer.strides[axis]
            reach = (window[axis] - 1) * (dilation if isinstance(dilation, int) else dilation[axis]) + 1
            total = max((math.ceil(extent / stride) - 1) * stride + reach - extent, 0)
            pads += [total // 2, total - total // 2]
        return F.pad(x, pads)

    @staticmethod
    def _normalize(layer: keras.Layer, x, own: dict, moved: dict | None) -> torch.Tensor:
        mean, variance = own["moving_mean"], own["moving_variance"]
        if moved is not None:  # PyTorch's own statistics have the unbiased variance
            axes = [axis for axis in range(x.ndim) if axis != 1]
            for name, value in {"moving_mean": x.mean(axes), "moving_variance": x.var(axes, correction=0)}.items():
                moved[f"{layer.name}/{name}"] = layer.momentum * own[name] + (1 - layer.momentum) * value
            mean = variance = None
        return F.batch_norm(x, mean, variance, own.get("gamma"), own.get("beta"), moved is not None, eps=layer.epsilon)

    @staticmethod
    def _activate(activation, x: torch.Tensor) -> torch.Tensor:
        match keras.activations.serialize(activation) if activation else "linear":
            case "linear":
                return x
            # TensorFlow rounds these constants to float when it computes in double, too.
            case "leaky_relu":
                return F.leaky_relu(x, float(np.float32(0.2)))
            case "gelu":
                return x / 2 * (1 + torch.erf(x / float(np.float32(math.sqrt(2)))))
            case name:
                return getattr(torch if name in ("sigmoid", "tanh") else F, name)(x)


def check_agreement(name: str, ours: Numbers, theirs: Numbers) -> None:
    if ours.keys() != theirs.keys():
        raise SystemExit(f"{name}: {sorted(ours.keys() ^ theirs.keys())} in one framework only")
    for key, value in theirs.items():
        if (apart := distance(value, ours[key])) > AGREEMENT:
            raise SystemExit(f"{name}: {key}: Keras and PyTorch are {apart:.1e} apart")


def conditions(part: TorchPart, start: Arrays, exact: Numbers, *data: Array) -> Arrays:
    """As those of record_golden.py."""
    worst = {name: np.zeros(1) for name in exact}
    for trial in range(TRIALS):
        generator = np.random.default_rng(trial)
        disturbed = {n: w * (1 + NOISE * generator.standard_normal(w.shape)) for n, w in start.items()}
        for name, value in part.numbers(disturbed, *data).items():
            worst[name] = np.maximum(worst[name], distance(value, exact[name]) / NOISE)
    return worst


def record_networks(tensors: Arrays, metadata: dict[str, str]) -> None:
    generator = np.random.default_rng(1)
    images = generator.standard_normal((IMAGES, 6, 5, 3)).astype(np.float32)
    targets = np.eye(CLASSES, dtype=np.float32)[[0, 2, 1, 2]]
    tensors |= {"images": images, "targets": targets}
    for name, make in networks().items():
        single = KerasPart(make, "float32").model
        start = {key: draw(key, v.shape, generator) for key, v in weights_of(single).items()}
        double, smoothing = KerasPart(make, "float64"), make()[1]
        exact = double.numbers(start, images.astype(np.float64), targets.astype(np.float64))
        torch_part = TorchPart(double.model, smoothing)
        check_agreement(name, exact, torch_part.numbers(start, images, targets))
        worst = conditions(torch_part, start, exact, images, targets)
        if (condition := max(value.max() for value in worst.values())) > WORST_CONDITION:
            raise SystemExit(f"{name}: a condition of {condition:.0f}")
        metadata[f"network/{name}"] = single.to_json()
        if smoothing is not None:
            metadata[f"label_smoothing/{name}"] = str(smoothing)
        for kind, values in (("start/", start), ("", exact), ("condition/", worst)):
            tensors |= {f"{name}/{kind}{key}": value for key, value in values.items()}
        print(f"{name}: worst condition {condition:.2g}")


# --- Optimizers -----------------------------------------------------------------------------------


def optimizers() -> dict[str, tuple[keras.Optimizer, Callable | None]]:
    """Keras's, and PyTorch's where it is the same. PyTorch adds RMSprop's epsilon behind the root, Adam's before v
    is corrected for its start, and 1e-6 to norms that it clips by; it decays the weights of AdamW alone."""
    n, keras_of, torch_of = np.float64, keras.optimizers, torch.optim  # see Keras.__init__ in record_golden.py
    adam = {"learning_rate": n(0.01), "beta_1": n(0.9), "beta_2": n(0.999)}
    sgd = {"learning_rate": n(0.05)}
    momentum = sgd | {"momentum": n(0.9)}
    rmsprop = {"learning_rate": n(0.01), "rho": n(0.9), "epsilon": n(1e-7)}
    decay = {"weight_decay": n(0.1)}
    return {
        "adam": (keras_of.Adam(epsilon=n(1e-7), **adam), None),
        "adam_decayed": (keras_of.Adam(epsilon=n(1e-7), **adam, **decay), None),
        "adamw": (keras_of.AdamW(epsilon=n(1e-30), **adam, **decay),
                  lambda w: torch_of.AdamW(w, 0.01, eps=1e-30, weight_decay=0.1)),
        "sgd": (keras_of.SGD(**sgd), lambda w: torch_of.SGD(w, 0.05)),
        "sgd_momentum": (keras_of.SGD(**momentum), lambda w: torch_of.SGD(w, 0.05, 0.9)),
        "sgd_nesterov": (keras_of.SGD(nesterov=True, **momentum), lambda w: torch_of.SGD(w, 0.05, 0.9, nesterov=True)),
        "sgd_decayed": (keras_of.SGD(**momentum, **decay), None),
        "rmsprop": (keras_of.RMSprop(**rmsprop), None),
        "rmsprop_momentum": (keras_of.RMSprop(**rmsprop | {"rho": n(0.8), "momentum": n(0.5)}), None),
        "rmsprop_centered": (keras_of.RMSprop(
            **rmsprop | {"momentum": n(0.5), "epsilon": n(1e-3)}, centered=True), None),
        "clip_value": (keras_of.SGD(**sgd, clipvalue=n(0.5)), None),
        "clip_norm": (keras_of.SGD(**sgd, clipnorm=n(1.5)), None),
        "clip_global_norm": (keras_of.SGD(**sgd, global_clipnorm=n(2)), None),
    }


def record_optimizers(tensors: Arrays) -> None:
    """What becomes of a kernel and a bias that get the same gradients from each of them."""
    keras.config.set_floatx("float64")
    generator = np.random.default_rng(2)
    start = {"kernel": (5, 3), "bias": (3,)}
    start = {key: generator.standard_normal(shape).astype(np.float32) for key, shape in start.items()}
    gradients = {k: generator.standard_normal((STEPS, *w.shape)).astype(np.float32) for k, w in start.items()}
    tensors |= {f"optimizer/start/{key}": value for key, value in start.items()}
    tensors |= {f"optimizer/gradient/{key}": value for key, value in gradients.items()}
    for name, (optimizer, make_torch) in optimizers().items():
        variables = {key: keras.Variable(value, dtype="float64", name=key) for key, value in start.items()}
        copies = {key: torch.from_numpy(value).double().requires_grad_() for key, value in start.items()}
        other = make_torch(list(copies.values())) if make_torch else None
        values: dict[str, list[Array]] = {key: [] for key in start}
        for step in range(STEPS):
            optimizer.apply([tf.constant(g[step], tf.float64) for g in gradients.values()], list(variables.values()))
            for key, variable in variables.items():
                values[key].append(variable.numpy())
                copies[key].grad = torch.from_numpy(gradients[key][step]).double()
            if other:
                other.step()
                for key, copy in copies.items():
                    if (apart := distance(copy.detach().numpy(), values[key][-1])) > AGREEMENT:
                        raise SystemExit(f"{name}: step {step}: Keras and PyTorch are {apart:.1e} apart")
        tensors |= {f"optimizer/{name}/{key}": np.stack(value) for key, value in values.items()}


# --- Schedules ------------------------------------------------------------------------------------


def torch_rates(rate: float, make: Callable) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], rate)
    schedule = make(optimizer)
    rates = []
    for _ in range(RATES):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(rates) < RATES:
            schedule.step()
    return rates


def record_schedules(tensors: Arrays) -> None:
    n, keras_of, torch_of = np.float64, keras.optimizers.schedules, torch.optim.lr_scheduler
    ours = {
        "cosine": keras_of.CosineDecay(n(0.1), 30, n(0.01)),
        "cosine_warmup": keras_of.CosineDecay(n(0.02), 20, n(0.05), warmup_target=n(0.1), warmup_steps=7),
        "exponential": keras_of.ExponentialDecay(n(0.1), 12, n(0.5)),
        "staircase": keras_of.ExponentialDecay(n(0.1), 12, n(0.5), staircase=True),
    }
    theirs = {
        "step": (0.1, lambda optimizer: torch_of.StepLR(optimizer, 12, 0.25)),
        "one_cycle": (0.1, lambda optimizer: torch_of.OneCycleLR(optimizer, 0.1, RATES, cycle_momentum=False)),
        "one_cycle_late": (0.1, lambda optimizer: torch_of.OneCycleLR(
            optimizer, 0.1, RATES, pct_start=0.5, div_factor=10, final_div_factor=100, cycle_momentum=False)),
    }
    for name, schedule in ours.items():
        tensors[f"schedule/{name}"] = np.array([float(schedule(n(step))) for step in range(RATES)])
    for name, (rate, make) in theirs.items():
        tensors[f"schedule/{name}"] = np.array(torch_rates(rate, make))


def main() -> None:
    tensors: Arrays = {}
    metadata: dict[str, str] = {}
    record_networks(tensors, metadata)
    record_optimizers(tensors)
    record_schedules(tensors)
    save("parts", tensors, metadata)


if __name__ == "__main__":
    main()
