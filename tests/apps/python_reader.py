"""Usage: python_reader.py WEIGHTS FILTERS OUT

Reads WEIGHTS, a file of lenet5's that 'tilewise train' wrote, with the safetensors package; compares its first
kernel with FILTERS, what 'tilewise info --filters' says of it; and writes the tensors into OUT without metadata.
"""

import csv
import json
import sys

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

weights, filters, out = sys.argv[1:]
tensors = load_file(weights)
shapes = {name: tensor.shape for name, tensor in tensors.items()}
assert shapes["conv2d/kernel"] == (5, 5, 1, 6), shapes
assert shapes["dense_2/bias"] == (10,), shapes
assert sum(tensor.size for tensor in tensors.values()) == 61_706, shapes
assert all(tensor.dtype == np.float32 for tensor in tensors.values())

with open(filters, newline="") as file:
    rows = list(csv.DictReader(file))
assert len(rows) == 5 * 5 * 1 * 6, len(rows)
for row in rows:
    place = tuple(int(row[name]) for name in ("row", "column", "channel", "filter"))
    assert tensors["conv2d/kernel"][place] == np.float32(row["weight"]), (row, tensors["conv2d/kernel"][place])

with safe_open(weights, framework="numpy") as file:
    metadata = file.metadata()
networks = [json.loads(value) for value in metadata.values() if value.startswith("{")]
assert any(network.get("class_name") == "Sequential" for network in networks), metadata.keys()

save_file(tensors, out)
