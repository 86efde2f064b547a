"""What a small file could blow up to: refused in no time, in next to no memory."""

import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

from classifier.intake import Decoder, IntakeRefused, Limits
from tests.classifier.intake.cases import (
    REFUSED,
    SIGNATURE,
    blank_png,
    chunk,
    encode,
    header,
    picture,
    with_segment,
)
from tests.classifier.intake.doors import canonicalise

ROOT = Path(__file__).resolve().parents[3]
# The peak of this process alone, before and after: resource limits of the runner play no part.
MEASURE = """
import resource, sys
from pathlib import Path
from classifier.intake import Decoder, IntakeRefused, Limits
from tests.classifier.intake.doors import canonicalise
data = Path(sys.argv[1]).read_bytes()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    canonicalise(data, None, Limits(), Decoder())
    raise SystemExit("accepted")
except IntakeRefused as refused:
    assert refused.code == sys.argv[2], refused.code
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(
    "case", [case for case in REFUSED if case.code in ("too_many_pixels", "bomb")], ids=str
)
def test_memory_and_time(case, tmp_path: Path) -> None:
    data = case.make()
    assert len(data) < 100_000
    file = tmp_path / "bomb"
    file.write_bytes(data)
    command = [sys.executable, "-c", MEASURE, str(file), case.code]
    grown = int(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    assert grown < 50 * 1024, f"{grown} KiB"


def test_a_400_megapixel_header_is_refused_without_a_decoder(limits: Limits) -> None:
    data = blank_png(20_000, 20_000)
    assert len(data) < 60_000
    began = time.process_time()
    with pytest.raises(IntakeRefused, match="400 megapixels; the limit is 16"):
        # A decoder of no workers can only answer that it is busy.
        canonicalise(data, "scan.png", limits, Decoder(workers=0, seconds=0.01))
    assert time.process_time() - began < 1


def test_the_largest_image_is_taken(limits: Limits, decoder: Decoder) -> None:
    image = canonicalise(blank_png(4000, 4000), None, limits, decoder)
    assert (image.width, image.height) == (4000, 4000)


def test_many_small_bombs_count_together(limits: Limits, decoder: Decoder) -> None:
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2**20)))
    png = encode(picture())
    few, many = (png[:33] + text * count + png[33:] for count in (3, 5))
    assert canonicalise(few, None, limits, decoder).width == 96
    with pytest.raises(IntakeRefused) as refused:
        canonicalise(many, None, limits, decoder)
    assert refused.value.code == "bomb"


@pytest.mark.parametrize(
    "make",
    [
        lambda: SIGNATURE + header(64, 64) + chunk(b"teXt") * 1_600_000,
        lambda: b"\xff\xd8" + b"\xff\xe5\x00\x02" * 5_000_000,
    ],
    ids=["png", "jpeg"],
)
def test_a_million_empty_parts(limits: Limits, make) -> None:
    began = time.process_time()
    with pytest.raises(IntakeRefused) as refused:
        canonicalise(make()[: limits.max_bytes], None, limits, Decoder(workers=0, seconds=0.01))
    assert refused.value.code == "bomb"
    assert time.process_time() - began < 20


def test_fill_bytes_without_end(limits: Limits) -> None:
    data = with_segment(b"\xff\xd8" + b"\xff" * 2_000_000, 0xE5, b"")
    began = time.process_time()
    with pytest.raises(IntakeRefused) as refused:
        canonicalise(data, None, limits, Decoder(workers=0, seconds=0.01))
    assert refused.value.code == "damaged_image"
    assert time.process_time() - began < 20
