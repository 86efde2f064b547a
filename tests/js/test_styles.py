"""Both themes are complete and readable: WCAG 2.2 contrast, 4.5 for text (1.4.3) and 3 for controls' edges (1.4.11)."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "mriplatform"
CSS = ROOT / "static" / "css"

TEXT_PAIRS = [
    *((ink, ground) for ink in ("text", "dim") for ground in ("bg", "panel", "raised")),
    *(("accent", ground) for ground in ("bg", "panel", "raised")),
    *(("text", f"{name}-tint") for name in ("accent", "warn", "bad")),
    *((name, ground) for name in ("warn", "bad") for ground in ("bg", "panel", "raised", f"{name}-tint")),
    ("accent-ink", "accent"),
    ("accent-ink", "accent-strong"),
    ("bad-ink", "bad"),
]
EDGE_PAIRS = [
    *((ink, ground) for ink in ("edge", "accent", "bar", "bar-top") for ground in ("bg", "panel", "raised")),
    ("bar-top", "line"),
]


def themes() -> dict[str, dict[str, str]]:
    """Colour tokens by theme, from the two blocks of tokens.css."""
    source = (CSS / "tokens.css").read_text()
    found = {}
    for name in ("light", "dark"):
        block = re.search(rf'\[data-theme="{name}"\][^{{]*\{{([^}}]*)\}}', source).group(1)
        found[name] = dict(re.findall(r"--([\w-]+):\s*(#[0-9a-fA-F]{6});", block))
    return found


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_the_contrast_of_black_and_white_is_21():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_edges_can_be_seen(theme):
    colours = themes()[theme]
    faults = [
        f"{ink} on {ground}: {ratio:.2f} < {least}"
        for pairs, least in ((TEXT_PAIRS, 4.5), (EDGE_PAIRS, 3.0))
        for ink, ground in pairs
        if (ratio := contrast(colours[ink], colours[ground])) < least
    ]
    assert faults == []


def test_both_themes_name_the_same_colours():
    found = themes()
    assert found["light"].keys() == found["dark"].keys()


def test_every_token_that_is_used_is_defined():
    defined = set(re.findall(r"(--[\w-]+):", (CSS / "tokens.css").read_text()))
    used = {token for file in CSS.glob("*.css") for token in re.findall(r"var\((--[\w-]+)", file.read_text())}
    assert used - defined == set()


def test_no_template_or_script_writes_what_the_csp_forbids():
    """`style=` attributes, inline handlers and script text: refused by the browser, so they would silently not work."""
    forbidden = re.compile(r"""\sstyle=["']|\son[a-z]+=["']|javascript:|setAttribute\(["']style|hx-on""")
    sources = [*ROOT.rglob("*.html"), *(ROOT / "static" / "js").rglob("*.js")]
    assert len(sources) > 20
    assert [str(file) for file in sources if forbidden.search(file.read_text())] == []
    inline = re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)")
    assert [str(file) for file in ROOT.rglob("*.html") if inline.search(file.read_text())] == []
