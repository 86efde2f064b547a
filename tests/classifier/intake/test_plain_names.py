"""The endings that the browser sends are those by which the server tells something, and no others."""

import re
from pathlib import Path

from classifier.intake.archive.naming import ARCHIVES
from classifier.intake.sniffing import TYPES

SCRIPT = Path(__file__).parents[3] / "mriplatform/static/js/plain-name.js"


def test_the_browser_and_the_server_know_the_same_endings():
    listed = SCRIPT.read_text().split("new Set(")[1].split(";")[0]
    sent = set(" ".join(re.findall(r'"([a-z0-9 ]+)"', listed)).split())
    promising = {ending for kind in TYPES for ending in kind.extensions}
    assert sent == promising | ARCHIVES | {"ima", "txt"}
