#!/usr/bin/env python3
"""Runs the peers in turn and sums up what they say. scripts/compare_frameworks.sh calls it; it
needs nothing but Python, and gnuplot for the chart.

A peer is a command that takes --network, --batch, --epochs, --images, --threads and --data, and
prints one line of JSON (see protocol.py). Every run is a process of its own."""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from networks import CASES, NETWORKS, Case

REFERENCE = "tilewise"
TRAINING_SET = 60_000  # images of an epoch, whatever part of them was run

# name, unit; in the order of the CSV
METRICS = {
    "images_per_second": "1/s",
    "seconds_per_epoch": f"s per {TRAINING_SET} images",
    "share_of_peak": "1",
    "first_step_seconds": "s",
    "peak_memory_mib": "MiB",
    "inference_1": "images/s",
    "inference_128": "images/s",
    "test_accuracy": "1",
}


class PeerError(Exception):
    """What a peer said is not a result."""


@dataclass(frozen=True)
class Run:
    """One process: a framework on a case in a round."""

    case: str
    framework: str
    round: int
    version: str
    choices: str
    images: int
    epochs: int
    peak_gflops: float
    metrics: dict[str, float]  # without those that the run does not have


@dataclass(frozen=True)
class Spread:
    """A metric over the rounds; ratio: median of its ratios to Tilewise's of the same round."""

    median: float
    min: float
    max: float
    ratio: float | None


def metrics_of(case: Case, result: dict[str, Any], peak_gflops: float) -> dict[str, float]:
    speed = result["images"] / median(result["epoch_seconds"])
    inference = result["inference_images_per_second"]
    accuracy = result["test_accuracy"]
    return {
        "images_per_second": speed,
        "seconds_per_epoch": TRAINING_SET / speed,
        "share_of_peak": speed * NETWORKS[case.network].training_flops() / (1e9 * peak_gflops),
        "first_step_seconds": result["first_step_seconds"],
        "peak_memory_mib": result["peak_memory_bytes"] / 2**20,
        "inference_1": inference["1"],
        "inference_128": inference["128"],
    } | ({} if accuracy is None else {"test_accuracy": accuracy})


def check(result: Any, asked: dict[str, Any], case: Case) -> None:
    """Throws PeerError unless this is the result of what was asked, in full."""
    if not isinstance(result, dict):
        raise PeerError("not a JSON object")
    expected = asked | {"parameters": NETWORKS[case.network].parameters()}
    for key, value in expected.items():
        if result.get(key) != value:
            raise PeerError(f"{key} is {result.get(key)}, expected {value}")
    for key in ("version", "choices"):
        if not isinstance(result.get(key), str):
            raise PeerError(f"{key} is {result.get(key)}, expected text")
    seconds = result.get("epoch_seconds")
    if not isinstance(seconds, list) or len(seconds) != asked["epochs"]:
        raise PeerError(f"epoch_seconds is {seconds}, expected {asked['epochs']} of them")
    inference = result.get("inference_images_per_second")
    if not isinstance(inference, dict) or set(inference) != {"1", "128"}:
        raise PeerError(f"inference_images_per_second is {inference}, expected those of 1 and 128")
    positive = {f"epoch_seconds[{i}]": value for i, value in enumerate(seconds)}
    positive |= {f"inference at {batch}": value for batch, value in inference.items()}
    positive |= {key: result.get(key) for key in ("first_step_seconds", "peak_memory_bytes")}
    for key, value in positive.items():
        if not isinstance(value, (int, float)) or not math.isfinite(value) or value <= 0:
            raise PeerError(f"{key} is {value}, expected a positive number")
    share = result.get("test_accuracy", math.nan)
    if share is not None and not (isinstance(share, (int, float)) and 0 <= share <= 1):
        raise PeerError(f"test_accuracy is {share}, expected null or 0 to 1")


def run_peer(command: list[str], case: Case, options: argparse.Namespace) -> dict[str, Any]:
    """Throws PeerError."""
    images = (options.images or case.images) // case.batch * case.batch
    asked = {"network": case.network, "batch": case.batch, "epochs": options.epochs,
             "images": images, "threads": options.threads}
    arguments = [text for key, value in asked.items() for text in (f"--{key}", str(value))]
    environment = os.environ | {
        name: str(options.threads)
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TILEWISE_NUM_THREADS")}
    environment["PEER_STARTED_NS"] = str(time.monotonic_ns())
    try:
        done = subprocess.run(
            [*command, *arguments, "--data", str(options.data)], env=environment, text=True,
            capture_output=True, timeout=options.timeout, check=False)
    except OSError as error:
        raise PeerError(str(error)) from error
    except subprocess.TimeoutExpired as error:
        raise PeerError(f"not done after {options.timeout} s") from error
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or ["nothing"]
        raise PeerError(f"exit code {done.returncode}; it said: {said[-1]}")
    try:
        result = json.loads(lines[-1] if lines else "")
    except json.JSONDecodeError as error:
        raise PeerError(f"not JSON: {lines[-1:]}") from error
    check(result, asked, case)
    return result


def measure_peak(command: list[str], threads: int) -> float:
    """GFLOP/s of all threads: the last that the command prints."""
    text = subprocess.run([*command, "--threads", str(threads)], text=True, check=True,
                          capture_output=True).stdout
    return float(re.findall(r"([0-9.]+) GFLOP/s", text)[-1])


def summarise(runs: list[Run]) -> dict[tuple[str, str], dict[str, Spread]]:
    """For each case and framework, in the order of the runs, the spread of each metric."""
    reference = {(run.case, run.round): run.metrics for run in runs if run.framework == REFERENCE}
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.case, run.framework), []).append(run)
    summary: dict[tuple[str, str], dict[str, Spread]] = {}
    for key, group in groups.items():
        summary[key] = {}
        for metric in METRICS:
            values = [run.metrics[metric] for run in group if metric in run.metrics]
            if not values:
                continue
            ratios = [run.metrics[metric] / theirs[metric] for run in group
                      if (theirs := reference.get((run.case, run.round)))]
            summary[key][metric] = Spread(median(values), min(values), max(values),
                                          median(ratios) if ratios else None)
    return summary


# --- What is written ---------------------------------------------------------------------------


def write_csv(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def shown(value: float | None) -> str:
    return "NA" if value is None else f"{value:.6g}"


def write_results(output: Path, facts: dict[str, Any], runs: list[Run]) -> None:
    summary = summarise(runs)
    rows = [[run.case, run.framework, run.round, run.version, run.choices, run.images, run.epochs,
             shown(run.peak_gflops), *(shown(run.metrics.get(metric)) for metric in METRICS)]
            for run in runs]
    write_csv(output / "runs.csv", ["case", "framework", "round", "version", "choices", "images",
                                    "epochs", "peak_gflops", *METRICS], rows)
    rows = [[*key, metric, METRICS[metric], *map(shown, asdict(spread).values())]
            for key, spreads in summary.items() for metric, spread in spreads.items()]
    write_csv(output / "summary.csv",
              ["case", "framework", "metric", "unit", "median", "min", "max", "ratio"], rows)
    document = facts | {"runs": [asdict(run) for run in runs]}
    (output / "results.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def markdown(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
             for row in rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|",
                      *lines[1:]])


def table(case: str, runs: list[Run]) -> str:
    """What is printed of a case. `time` is that of an epoch over Tilewise's: 2 is half as fast."""
    summary = summarise(runs)
    runs = [run for run in runs if run.case == case]
    rows = [["framework", "images/s", "min to max", "s/epoch", "time", "of peak", "first step",
             "memory", "inference: 1", "128", "accuracy"]]
    for framework in dict.fromkeys(run.framework for run in runs):
        of = summary[case, framework]
        speed, ratio = of["images_per_second"], of["seconds_per_epoch"].ratio
        accuracy = of.get("test_accuracy")
        rows.append([
            framework,
            f"{speed.median:.0f}",
            f"{speed.min:.0f} to {speed.max:.0f}",
            f"{of['seconds_per_epoch'].median:.1f}",
            f"{ratio:.2f}" if ratio else "",
            f"{of['share_of_peak'].median:.0%}",
            f"{of['first_step_seconds'].median:.2f} s",
            f"{of['peak_memory_mib'].median:.0f} MiB",
            f"{of['inference_1'].median:.0f}/s",
            f"{of['inference_128'].median:.0f}/s",
            f"{accuracy.median:.4f}" if accuracy else "",
        ])
    peaks = [run.peak_gflops for run in runs]
    title = (f"{case}: {runs[0].images} images an epoch, epochs: {runs[0].epochs}, "
             f"FMA peak {median(peaks):.0f} GFLOP/s")
    return f"{title}\n\n{markdown(rows)}\n"


def draw(output: Path, facts: dict[str, Any], runs: list[Run], script: Path) -> None:
    """A table a metric, a row a case, three columns a framework; NaN where there is nothing."""
    summary = summarise(runs)
    cases = list(dict.fromkeys(run.case for run in runs))
    frameworks = list(dict.fromkeys(run.framework for run in runs))
    with tempfile.TemporaryDirectory(dir=output, prefix=".chart.") as folder:
        for metric in METRICS:
            lines = []
            for index, case in enumerate(cases, 1):
                spreads = [summary.get((case, name), {}).get(metric) for name in frameworks]
                cells = [f"{s.median:g} {s.min:g} {s.max:g}" if s else "NaN NaN NaN"
                         for s in spreads]
                lines.append(" ".join([str(index), case, *cells]) + "\n")
            Path(folder, f"{metric}.dat").write_text("".join(lines), encoding="utf-8")
        lines = [facts["cpu"], str(facts["threads"]), *frameworks]
        Path(folder, "facts.dat").write_text("\n".join(lines) + "\n", encoding="utf-8")
        drawn = subprocess.run(["gnuplot", str(script)], cwd=folder, text=True, check=False,
                               capture_output=True)
        if drawn.returncode != 0:
            raise PeerError(f"gnuplot failed: {drawn.stderr.strip()[-200:]}")
        for path in [*Path(folder).glob("*.png"), *Path(folder).glob("*.svg")]:
            shutil.move(path, output / path.name)


# --- The command line --------------------------------------------------------------------------


def cpu_model() -> str:
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    found = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return found[1] if found else "unknown CPU"


def chosen_cases(names: str) -> list[Case]:
    """Networks, or single cases such as lenet5/128."""
    if not names:
        return list(CASES)
    for name in names.split(","):
        if not any(name in (case.network, case.name) for case in CASES):
            known = ", ".join([*NETWORKS, *(case.name for case in CASES)])
            print(f"compare.py: no network '{name}'; there are {known}", file=sys.stderr)
            raise SystemExit(2)
    return [case for case in CASES if {case.network, case.name} & set(names.split(","))]


def positive(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return int(text)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--peak", type=shlex.split, help="a command that prints the FMA peak")
    parser.add_argument("--rounds", type=positive, default=3)
    parser.add_argument("--threads", type=positive, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--networks", default="")
    parser.add_argument("--epochs", type=positive, default=1)
    parser.add_argument("--images", type=positive)
    parser.add_argument("--timeout", type=positive, default=900, help="seconds for one process")
    parser.add_argument("--data", type=Path, default=Path("data/mnist"))
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--chart", type=Path, help="the gnuplot script")
    parser.add_argument("--plot", action="store_true", help="draw --output again, run nothing")
    return parser.parse_args()


def main() -> int:
    options = parse_arguments()
    if options.plot:
        facts = json.loads((options.output / "results.json").read_text(encoding="utf-8"))
        draw(options.output, facts, [Run(**run) for run in facts.pop("runs")], options.chart)
        return 0
    peers = {name: shlex.split(command)
             for name, _, command in (text.partition("=") for text in options.peer)}
    cases = chosen_cases(options.networks)
    # What is started from here inherits it: no framework finds more processors than it may use.
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, processors[:options.threads])

    facts = {"cpu": cpu_model(), "threads": options.threads, "rounds": options.rounds}
    options.output.mkdir(parents=True, exist_ok=True)
    runs: list[Run] = []
    failed: set[tuple[str, str]] = set()
    for number in range(1, options.rounds + 1):
        for case in cases:
            peak = measure_peak(options.peak, options.threads)
            for name, command in peers.items():
                if (case.name, name) in failed:
                    continue
                try:
                    result = run_peer(command, case, options)
                except PeerError as error:
                    # Once is enough: it is in no table of this case.
                    failed.add((case.name, name))
                    print(f"compare.py: {name} on {case.name} left out: {error}", file=sys.stderr)
                    continue
                metrics = metrics_of(case, result, peak)
                runs.append(Run(case.name, name, number, result["version"], result["choices"],
                                result["images"], result["epochs"], peak, metrics))
                print(f"round {number}, {case.name}, {name}: {metrics['images_per_second']:.0f} "
                      "images/s", file=sys.stderr, flush=True)
        runs = [run for run in runs if (run.case, run.framework) not in failed]
        write_results(options.output, facts, runs)  # after each round, in case it is interrupted
    if not runs:
        print("compare.py: nothing was measured", file=sys.stderr)
        return 1

    for case in cases:
        if any(run.case == case.name for run in runs):
            print(table(case.name, runs))
    for name, version, choices in dict.fromkeys(
            (run.framework, run.version, run.choices) for run in runs):
        of = dict.fromkeys(run.case for run in runs
                           if (run.framework, run.choices) == (name, choices))
        print(f"{name} {version}: {choices} ({', '.join(of)})")
    if options.chart:
        draw(options.output, facts, runs, options.chart)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
