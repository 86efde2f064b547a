"""What a reader's label is worth: a model that goes wrong, corrected by simulated readers, on real images.

`python -m tests.benchmarks.closed_loop --data DIR [--work DIR] [--seeds N] [--rounds N] [--json FILE]`. DIR holds the
public sets. Two models are trained for it (minutes each; kept under --work): one that never saw a source, one that was
taught 15 % wrong labels. Prints, for each, the accuracy on locked images by labels spent, in informative order and at
random, with 95 % intervals over seeds.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from ml.experiments.closed_loop import ROUND, ROUNDS, closed_loop, summarise
from ml.experiments.worlds import source_left_out, wrong_labels

WORLDS = {"source": source_left_out, "labels": wrong_labels}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("var/ml"))
    parser.add_argument("--worlds", nargs="+", choices=WORLDS, default=list(WORLDS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--size", type=int, default=ROUND, help="labels a round")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = []
    for name in options.worlds:
        world, started = WORLDS[name](options.data, options.work), time.perf_counter()
        result = closed_loop(world, range(options.seeds), rounds=options.rounds, size=options.size, told=_say)
        result["seconds"] = time.perf_counter() - started
        results.append(result)
        _print(result)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _print(result: dict[str, Any]) -> None:
    locked = ", ".join(f"{name} {n}" for name, n in result["locked"].items())
    print(f"\n## {result['title']}\n")
    print(
        f"{result['drawn']} of {result['pool']} images to label, drawn anew for each of {len(result['seeds'])} seeds; "
        f"locked: {locked}. {result['seconds']:.0f} s."
    )
    for part in result["locked"]:
        _table(result, part, "accuracy")
    _table(result, next(iter(result["locked"])), "meningioma_recall")


def _table(result: dict[str, Any], part: str, figure: str) -> None:
    rows = summarise(result, part, figure)
    names = [name for name in rows[0] if name != "spent"]
    print(f"\n{figure.replace('_', ' ').capitalize()}, {part}:\n")
    print(f"| labels | {' | '.join(names)} |\n|{'---|' * (len(names) + 1)}")
    for row in rows:
        print(f"| {row['spent']} | {' | '.join(_cell(row[name], 'above' in name) for name in names)} |")


def _cell(found: dict[str, Any], signed: bool) -> str:
    sign = "+" if signed else ""
    if found["interval"] is None:
        return f"{found['mean']:{sign}.3f}"
    low, high = found["interval"]
    return f"{found['mean']:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"


if __name__ == "__main__":
    main()
