#!/usr/bin/env python3
"""Usage: record_corpus.py

Writes tests/corpus: a few sound files and many bad ones of each format that Tilewise reads. What has to be said of
each stands in tests/corpus/messages.txt, which is written by hand. The same files come out each time.
"""

import gzip
import json
import pathlib
import shutil
import struct
import zlib

CORPUS = pathlib.Path(__file__).parent.parent / "tests" / "corpus"


def idx(extents, values=b"", kind=8):
    return bytes([0, 0, kind, len(extents)]) + struct.pack(f">{len(extents)}I", *extents) + values


def packed(data):
    return gzip.compress(data, mtime=0)


def idx_files():
    whole = idx([2, 2, 2], bytes(range(8)))
    yield "ok", whole
    yield "ok-gzip", packed(whole)
    yield "empty", b""
    yield "header-cut", whole[:9]
    yield "magic", b"PK\x03\x04" + bytes(12)
    yield "type-float", idx([1], bytes(4), kind=0x0D)
    yield "no-dimensions", idx([])
    yield "many-dimensions", idx([1] * 9, b"\0")
    yield "zero-extent", idx([3, 0])
    yield "overflow", idx([0xFFFFFFFF] * 4)
    yield "huge", idx([0x7FFFFFFF], b"x")
    yield "truncated", whole[:-1]
    yield "too-long", whole + b"x"
    yield "gzip-cut", packed(whole)[:-6]
    yield "gzip-checksum", packed(whole)[:-8] + bytes(4) + packed(whole)[-4:]
    yield "gzip-garbage", packed(whole) + b"garbage"
    yield "gzip-huge", packed(idx([0x7FFFFFFF], b"x"))
    yield "gzip-bomb", packed(idx([1], bytes(1 << 18)))
    yield "gzip-damaged", packed(whole)[:10] + b"\xff" * 8


def safetensors(header, data=b""):
    if not isinstance(header, bytes):
        header = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(header)) + header + data


def tensor(shape=(2,), offsets=(0, 8), dtype="F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def safetensors_files():
    whole = safetensors({"__metadata__": {"k": "v"}, "a": tensor()}, bytes(8))
    yield "ok", whole
    yield "empty", b""
    yield "seven-bytes", b"\x10" + bytes(6)
    yield "header-too-long", b"\xff" * 8
    yield "header-cut", whole[:20]
    yield "header-text", safetensors(b"not JSON at all.")
    yield "header-array", safetensors([1, 2])
    yield "header-number", safetensors(b'{"a":1e999}')
    yield "header-deep", safetensors(b'{"a":' + b"[" * 500 + b"]" * 500 + b"}")
    yield "header-twice", safetensors(b'{"__metadata__":{},"__metadata__":{}}')
    yield "metadata", safetensors({"__metadata__": {"k": 1}})
    yield "type", safetensors({"a": tensor(dtype="F64", offsets=(0, 16))}, bytes(16))
    yield "no-type", safetensors({"a": {"shape": [2], "data_offsets": [0, 8]}}, bytes(8))
    yield "shape-negative", safetensors({"a": tensor(shape=(-2,))}, bytes(8))
    yield "shape-overflow", safetensors({"a": tensor(shape=(1 << 32, 1 << 32))}, bytes(8))
    yield "shape-other", safetensors({"a": tensor(shape=(3,))}, bytes(8))
    yield "offsets-missing", safetensors({"a": {"dtype": "F32", "shape": [2]}}, bytes(8))
    yield "offsets-backwards", safetensors({"a": tensor(offsets=(8, 0))}, bytes(8))
    yield "offsets-beyond", safetensors({"a": tensor(shape=(1 << 28,), offsets=(0, 1 << 30))}, bytes(8))
    yield "overlap", safetensors({"a": tensor(), "b": tensor()}, bytes(8))
    yield "hole", safetensors({"a": tensor(offsets=(4, 12))}, bytes(12))
    yield "too-long", whole + b"x"
    yield "truncated", whole[:-1]


def png_chunk(name, contents):
    return struct.pack(">I", len(contents)) + name + contents + struct.pack(">I", zlib.crc32(name + contents))


def png(width=4, height=3, bits=8, colour=0, rows=None):
    rows = bytes(height * (width + 1)) if rows is None else rows
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)) +
            png_chunk(b"IDAT", zlib.compress(rows, 9)) + png_chunk(b"IEND", b""))


def png_files():
    whole = png()
    yield "ok", whole
    yield "ok-rgba", png(1, 1, colour=6, rows=b"\0\1\2\3\4")
    yield "empty", b""
    yield "jpeg", b"\xff\xd8\xff\xe0\x00\x10JFIF"
    yield "text-mode", whole.replace(b"\r\n", b"\n")
    yield "header-cut", whole[:20]
    yield "cut", whole[:-14]
    yield "checksum", whole[:45] + b"\xff" + whole[46:]
    yield "zero-width", png(0, 3, rows=b"\0")
    yield "huge", png(0x7FFFFFFF, 0x7FFFFFFF, rows=b"\0")
    yield "large-for-its-bytes", png(8192, 8192, rows=b"\0")
    yield "bits", png(bits=3)
    yield "no-palette", png(colour=3)
    yield "rows-missing", png(rows=bytes(5))
    yield "no-data", whole[:33] + png_chunk(b"IEND", b"")


def cifar10_files():
    def record(label):
        return bytes([label]) + bytes(3072)

    yield "ok", record(9)
    yield "empty", b""
    yield "cut", record(1)[:-1]
    yield "too-long", record(1) + b"x"
    yield "label", record(1) + record(10)


def layer(class_name, name, **options):
    return {"class_name": class_name, "config": {"name": name, **options}}


def network(*layers, shape=(None, 8, 8, 1)):
    first = {"class_name": "InputLayer", "config": {"batch_shape": shape}}
    return {"class_name": "Sequential", "config": {"layers": [first, *layers]}}


def model_json_files():
    conv = layer("Conv2D", "conv", filters=2, kernel_size=[3, 3], activation="relu")
    dense = layer("Dense", "dense", units=3, activation="softmax")
    whole = network(conv, layer("MaxPooling2D", "pool"), layer("Flatten", "flat"), dense)
    branch = network(layer("Conv2D", "conv", filters=1, kernel_size=3, padding="same"))
    residual = {"main": branch, "shortcut": None}
    files = {
        "ok": whole,
        "ok-residual": network(layer("Residual", "block", **residual)),
        "no-class": {},
        "model": {"class_name": "Transformer", "config": {}},
        "no-layers": {"class_name": "Sequential", "config": {"layers": []}},
        "no-shape": {"class_name": "Sequential", "config": {"layers": [dense]}},
        "shape": network(dense, shape=(None, 0, 8, 1)),
        "shape-huge": network(dense, shape=(None, 1 << 40, 1 << 40, 1)),
        "layer": network(layer("LSTM", "recurrent", units=3)),
        "layer-no-object": network("Dense"),
        "option": network(layer("Dense", "dense", units=3, kernel_regularizer="l2")),
        "option-unknown": network(layer("Dense", "dense", units=3, unknown=1)),
        "option-missing": network(layer("Dense", "dense")),
        "units-zero": network(layer("Dense", "dense", units=0)),
        "units-huge": network(layer("Dense", "dense", units=1 << 40)),
        "units-text": network(layer("Dense", "dense", units="many")),
        "rate": network(layer("Dropout", "drop", rate=1.5)),
        "window": network(layer("Conv2D", "conv", filters=1, kernel_size=9)),
        "dtype": network(layer("Dense", "dense", units=3, dtype="float16")),
        "name-twice": network(dense, dense),
        "name-control": network(layer("Flatten", "a\nb")),
        "name-clash": network(layer("Residual", "block", **residual), layer("Conv2D", "block/main/conv", filters=1, kernel_size=1)),
        "residual-shape": network(layer("Residual", "block", main=network(dense), shortcut=None)),
        "residual-deep": network(layer("Residual", "block", main=branch, shortcut=7)),
    }
    for name, content in files.items():
        yield name, json.dumps(content, separators=(",", ":")).encode()
    yield "empty", b""
    yield "cut", json.dumps(whole).encode()[:100]
    yield "nan", b'{"class_name": NaN}'
    yield "number", b'{"class_name": 1e999}'
    yield "twice", b'{"class_name": "Sequential", "class_name": "Model"}'
    yield "deep", b"[" * 2000
    yield "utf8", b'{"class_name": "\xff"}'


def config_files():
    files = {
        "ok": 'model = "lenet5"  # a network\n[train]\nepochs = 3\nlr = 1e-3\nprofile = true\nwithout = ["a", "b"]\n',
        "ok-json": '{"model": "lenet5", "epochs": 3, "train": {"profile": true, "without": ["a", "b"]}}',
        "ok-empty": "",
        "option": "epoch = 3\n",
        "section": "[evaluate]\nepochs = 3\n",
        "option-config": "config = x\n",
        "number": "epochs = many\n",
        "range": "epochs = 0\n",
        "number-huge": "epochs = 99999999999999999999\n",
        "member": "optimizer = sgdd\n",
        "flag": "profile = perhaps\n",
        "no-value": "epochs =\n",
        "list": "epochs = [1, 2]\n",
        "list-open": 'without = ["a", "b"\n',
        "quote-open": 'model = "lenet5\n',
        "json-cut": '{"epochs": 1',
        "json-null": '{"epochs": null}',
        "json-nested": '{"a": {"b": {"c": 1}}}',
        "json-list": '{"epochs": [[1]]}',
        "json-twice": '{"epochs": 1, "epochs": 2}',
        "json-flag": '{"profile": "perhaps"}',
        "json-deep": '{"a":' + "[" * 2000,
        "binary": "".join(map(chr, range(1, 127))),
    }
    for name, text in files.items():
        yield name, text.encode()


def main():
    formats = {
        "cifar10": cifar10_files,
        "config": config_files,
        "idx": idx_files,
        "model_json": model_json_files,
        "png": png_files,
        "safetensors": safetensors_files,
    }
    for name, files in formats.items():
        folder = CORPUS / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file, content in files():
            (folder / file).write_bytes(content)


if __name__ == "__main__":
    main()
