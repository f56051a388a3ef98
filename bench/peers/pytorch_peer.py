"""PyTorch, eager, channels last where that was faster. --variant channels-last does so everywhere,
--variant compile adds torch.compile; see docs/performance.md for what they bring."""

from __future__ import annotations

import os
import time

# Read once, as torch is loaded. Its OpenMP's threads spin while they wait, and beside anything else
# that runs they wait for each other: training took 1.5 to 3 times as long.
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402

import protocol  # noqa: E402
from networks import Conv, Dense, Dropout, Flatten, Placed, Pool  # noqa: E402

CHANNELS_LAST = {"vgg_style"}  # of the convnet channels first were faster, of LeNet-5 as fast


def glorot(module: nn.Conv2d | nn.Linear) -> nn.Module:
    """The others' initial weights; PyTorch's own are smaller."""
    nn.init.xavier_uniform_(module.weight)
    nn.init.zeros_(module.bias)
    return module


def modules(place: Placed) -> list[nn.Module]:
    match place.layer:
        case Conv(filters=n, kernel=k, same=same):
            conv = nn.Conv2d(place.src[2], n, k, padding=k // 2 if same else 0)
            return [glorot(conv), nn.ReLU(inplace=True)]
        case Pool():
            return [nn.MaxPool2d(2)]
        case Flatten():
            return [nn.Flatten()]
        case Dropout(rate=rate):
            return [nn.Dropout(rate)]
        case Dense(units=n, relu=relu):
            dense = glorot(nn.Linear(place.src[0], n))
            return [dense, nn.ReLU(inplace=True)] if relu else [dense]
    raise TypeError(place.layer)


class PyTorchPeer:
    version = torch.__version__

    def __init__(self, task: protocol.Task, data: protocol.Images) -> None:
        torch.set_num_threads(task.threads)
        torch.set_num_interop_threads(1)
        torch.set_flush_denormal(True)
        torch.manual_seed(1)
        self.batch = task.batch
        self.labels = torch.from_numpy(data.labels).long()
        self.pixels = torch.from_numpy(data.pixels)
        self.model = nn.Sequential(*(m for place in task.network.placed() for m in modules(place)))
        self.channels_last = task.variant != "" or task.name in CHANNELS_LAST
        if self.channels_last:
            self.model.to(memory_format=torch.channels_last)
        else:
            self.pixels = self.pixels.permute(0, 3, 1, 2).contiguous()
        self.forward = self.compute_loss
        if task.variant == "compile":
            self.forward = torch.compile(self.compute_loss)
        self.choices = f"{'compiled' if task.variant == 'compile' else 'eager'}, channels " \
            f"{'last' if self.channels_last else 'first'}, fused Adam"
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), lr=protocol.ADAM["learning_rate"],
            betas=(protocol.ADAM["beta_1"], protocol.ADAM["beta_2"]),
            eps=protocol.ADAM["epsilon"], fused=True)

    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.model.parameters())

    def compute_loss(self, pixels: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(self.model(pixels), labels)

    def gather(self, chosen: torch.Tensor) -> torch.Tensor:
        pixels = self.pixels[chosen]
        return pixels.permute(0, 3, 1, 2) if self.channels_last else pixels

    def train(self, images: int, epochs: int) -> list[float]:
        self.model.train()
        seconds = []
        for _ in range(epochs):
            begin = time.perf_counter()
            total = torch.zeros(())
            for chosen in torch.randperm(images).split(self.batch):
                self.optimizer.zero_grad()
                loss = self.forward(self.gather(chosen), self.labels[chosen])
                loss.backward()
                self.optimizer.step()
                total += loss.detach()
            total.item()
            seconds.append(time.perf_counter() - begin)
        return seconds

    def predictor(self, batch: int) -> protocol.Predict:
        # Channels last, whatever training was: the pixels come like that, and it was faster.
        self.model.eval().to(memory_format=torch.channels_last)

        @torch.inference_mode()
        def predict(pixels: np.ndarray) -> np.ndarray:
            return self.model(torch.from_numpy(pixels).permute(0, 3, 1, 2)).numpy()

        return predict


if __name__ == "__main__":
    protocol.run(PyTorchPeer)
