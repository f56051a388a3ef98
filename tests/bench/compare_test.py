#!/usr/bin/env python3
"""compare_test.py COMPARE_PY TILEWISE_PEER: the driver of scripts/compare_frameworks.sh, with peers
that say what is known here, and one real run."""

import csv
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

COMPARE, TILEWISE_PEER = sys.argv[1:3]
FAKE = Path(__file__).with_name("fake_peer.py")
PEAK = "echo 1000.0 GFLOP/s on 1 thread, 200.0 GFLOP/s on all; asked for"

sys.path.insert(0, str(Path(COMPARE).parent))
from networks import CASES, NETWORKS  # noqa: E402


def answer(*epoch_seconds: float, **fields: object) -> dict[str, object]:
    return {"version": "1.2", "choices": "fast", "parameters": 34826, "first_step_seconds": 2.5,
            "epoch_seconds": epoch_seconds, "peak_memory_bytes": 100 * 2**20,
            "inference_images_per_second": {"1": 100, "128": 1000}, "test_accuracy": 0.5} | fields


class CompareTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def compare(self, *arguments: str, code: int = 0, **peers: list[object]) -> str:
        """Runs the driver with a fake peer for each list of answers; returns what it prints."""
        command = [sys.executable, COMPARE, "--output", str(self.folder), "--peak", PEAK,
                   "--threads", "1", "--networks", "mnist_convnet/128", *arguments]
        for name, answers in peers.items():
            path = self.folder / name
            path.write_text(json.dumps(answers), encoding="utf-8")
            command += ["--peer", f"{name}={sys.executable} {FAKE} {path}"]
        done = subprocess.run(command, text=True, capture_output=True, check=False)
        printed = done.stdout + done.stderr
        self.assertEqual(done.returncode, code, printed)
        return printed

    def calls(self, name: str) -> list[dict[str, object]]:
        lines = (self.folder / f"{name}.calls").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def summary(self) -> dict[tuple[str, str], list[float]]:
        """Median, smallest, largest and ratio by framework and metric."""
        with (self.folder / "summary.csv").open(encoding="utf-8") as file:
            return {(row["framework"], row["metric"]):
                    [float(row[name]) for name in ("median", "min", "max", "ratio")]
                    for row in csv.DictReader(file)}

    def expect(self, framework: str, metric: str, *expected: float) -> None:
        for found, value in zip(self.summary()[framework, metric], expected, strict=True):
            self.assertAlmostEqual(found, value, delta=1e-5 * abs(value), msg=(framework, metric))

    def test_medians_spread_and_ratios(self) -> None:
        # 12,800 images: 6400, 12800 and 3200 images/s; each with the median of three epochs
        printed = self.compare(
            "--rounds", "3", "--epochs", "3",
            tilewise=[answer(2, 1, 9), answer(1, 1, 1), answer(9, 4, 1)],
            slow=[answer(8, 8, 8, test_accuracy=0.4), answer(16, 16, 16, first_step_seconds=5),
                  answer(4, 4, 4)])
        self.expect("tilewise", "images_per_second", 6400, 3200, 12800, 1)
        self.expect("slow", "images_per_second", 1600, 800, 3200, 0.25)  # 1/4, 1/16 and 1
        self.expect("tilewise", "seconds_per_epoch", 9.375, 4.6875, 18.75, 1)
        self.expect("slow", "seconds_per_epoch", 37.5, 18.75, 75, 4)
        # 14.256384 MFLOP an image, of 200 GFLOP/s
        self.expect("tilewise", "share_of_peak", 0.456204, 0.228102, 0.912409, 1)
        self.expect("slow", "first_step_seconds", 2.5, 2.5, 5, 1)
        self.expect("slow", "peak_memory_mib", 100, 100, 100, 1)
        self.expect("slow", "inference_128", 1000, 1000, 1000, 1)
        self.expect("slow", "test_accuracy", 0.5, 0.4, 0.5, 1)
        for row in ("| tilewise  | 6400     | 3200 to 12800 | 9.4     | 1.00 | 46%     |",
                    "| slow      | 1600     | 800 to 3200   | 37.5    | 4.00 | 11%     |",
                    "slow 1.2: fast (mnist_convnet/128)"):
            self.assertIn(row, printed)
        with (self.folder / "runs.csv").open(encoding="utf-8") as file:
            rows = [(row["framework"], row["round"]) for row in csv.DictReader(file)]
        self.assertEqual(rows, [(name, number) for number in "123"
                                for name in ("tilewise", "slow")])
        document = json.loads((self.folder / "results.json").read_text(encoding="utf-8"))
        self.assertEqual((len(document["runs"]), document["threads"]), (6, 1))

    def test_frameworks_take_turns_and_are_asked_alike(self) -> None:
        self.compare("--rounds", "2", "--images", "1000", "--data", "there",
                     tilewise=[answer(1)] * 2, other=[answer(1)] * 2)
        first, second = self.calls("tilewise"), self.calls("other")
        self.assertEqual(first[0]["arguments"], "--network mnist_convnet --batch 128 --epochs 1 "
                         "--images 896 --threads 1 --data there".split())
        for call in first + second:
            self.assertEqual(call["arguments"], first[0]["arguments"])
            self.assertEqual((call["threads"], call["processors"]), ("1", 1))
        starts = [call["started"] for pair in zip(first, second) for call in pair]
        self.assertEqual(starts, sorted(starts))

    def test_what_fails_is_named_and_left_out(self) -> None:
        wrong = {
            "exit code 3; it said: it broke": 3,
            "not JSON": "nothing of the kind",
            "not a JSON object": "[1]",
            "parameters is 34825, expected 34826": answer(1, parameters=34825),
            "batch is 64, expected 128": answer(1, batch=64),
            "images is 60000, expected 12800": answer(1, images=60000),
            "threads is 2, expected 1": answer(1, threads=2),
            "epoch_seconds is [1, 1], expected 1 of them": answer(1, 1),
            "epoch_seconds[0] is 0, expected a positive number": answer(0),
            "epoch_seconds[0] is nan": answer(float("nan")),
            "first_step_seconds is None": answer(1, first_step_seconds=None),
            "peak_memory_bytes is -1": answer(1, peak_memory_bytes=-1),
            "inference_images_per_second is {'1': 5}":
                answer(1, inference_images_per_second={"1": 5}),
            "test_accuracy is 98, expected null or 0 to 1": answer(1, test_accuracy=98),
            "version is None, expected text": answer(1, version=None),
        }
        peers = {f"wrong{index}": [value] for index, value in enumerate(wrong.values())}
        printed = self.compare("--rounds", "1", code=1, tilewise=[answer(1)], **peers)
        for index, text in enumerate(wrong):
            self.assertIn(f"wrong{index} on mnist_convnet/128 left out: {text}", printed)
        self.assertEqual({framework for framework, _ in self.summary()}, {"tilewise"})

    def test_one_failure_takes_a_framework_out_of_all_rounds(self) -> None:
        self.compare("--rounds", "3", code=1, tilewise=[answer(1)] * 3, other=[answer(1), 1])
        self.assertEqual({framework for framework, _ in self.summary()}, {"tilewise"})
        self.assertEqual(len(self.calls("other")), 2)

    def test_without_tilewise_there_are_no_ratios(self) -> None:
        self.compare("--rounds", "1", other=[answer(1)])
        self.assertIn("other,images_per_second,1/s,12800,12800,12800,NA",
                      (self.folder / "summary.csv").read_text(encoding="utf-8"))

    def test_mistakes(self) -> None:
        self.assertIn("no network 'soup'", self.compare("--networks", "lenet5,soup", code=2))
        self.assertIn("nothing was measured", self.compare(code=1))

    def test_networks(self) -> None:
        costs = {name: (network.parameters(), network.training_flops())
                 for name, network in NETWORKS.items()}
        # Multiply-adds by hand: the first layer, then the others
        self.assertEqual(costs["mnist_convnet"],
                         (34_826, 2 * (2 * 194_688 + 3 * (2_230_272 + 16_000))))
        self.assertEqual(costs["lenet5"], (61_706, 2 * (2 * 117_600 + 3 * (240_000 + 58_920))))
        self.assertEqual(costs["vgg_style"][0], 307_498)
        for case in CASES:
            self.assertEqual(case.images % case.batch, 0, case)

    def test_tilewise(self) -> None:
        self.compare("--rounds", "1", "--networks", "vgg_style", "--images", "128",
                     "--peer", f"tilewise={TILEWISE_PEER}")
        self.assertGreater(self.summary()["tilewise", "images_per_second"][0], 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
