"""A long storm over the whole API as each role, in a database and with servers of its own.

    python -m tests.benchmarks.schema_storm [--minutes 20] [--examples 40] [--seed 6]

Prints what came of it; fails where anything broke. A short one is in the suite: tests/mriplatform/api/test_storm.py.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__)


@pytest.mark.timeout(0)
def test_long_storm(db, settings):
    from tests.e2e.house import build
    from tests.mriplatform.api.storm import lines, storm, things_of, tokens_of

    settings.LOAD_CHECK_SECONDS = 0
    house = build()
    tokens, things = tokens_of(house.people), things_of(house)
    deadline = time.monotonic() + 60 * float(os.environ["STORM_MINUTES"])
    first, broken = int(os.environ["STORM_SEED"]), False
    for number in range(first, first + 1000):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        report = storm(
            tokens, things, number=number, examples=int(os.environ["STORM_EXAMPLES"]), seconds=left
        )
        sys.stderr.write(f"seed {number}\n" + "\n".join(lines(report)) + "\n")
        broken |= bool(report.faults)
    assert not broken


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", default="20")
    parser.add_argument("--examples", default="40", help="of each call, each as everybody")
    parser.add_argument("--seed", default="6")
    asked = parser.parse_args()
    os.environ |= {
        "STORM_MINUTES": asked.minutes, "STORM_EXAMPLES": asked.examples, "STORM_SEED": asked.seed,
        "LOG_LEVEL": "CRITICAL",
    }  # fmt: skip
    return int(pytest.main(["-n0", "-q", "-s", "-x", "--timeout", "0", "-o", "norecursedirs=", str(HERE)]))


if __name__ == "__main__":
    sys.exit(main())
