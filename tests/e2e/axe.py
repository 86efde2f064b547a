"""Asks axe-core, in the browser, what a page keeps from people who cannot see, hear or hold it as others do."""

from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

SOURCE = Path(__file__).resolve().parents[1] / "vendor" / "axe-core" / "axe.min.js"
# WCAG 2.0 to 2.2, levels A and AA, and what axe holds to be good practice beyond them.
RULES = {
    "type": "tag",
    "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
}
# What a theme can change; the rest of the page is the same in both.
OF_A_THEME = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
GRAVE = ("serious", "critical")
# What Swagger UI draws on the page of the API's description is its own, and comes when it comes.
RUN = """async ([only, grave]) => {
  const page = { exclude: [['.swagger-ui']] };
  const found = await axe.run(page, { runOnly: only, resultTypes: ['violations'] });
  return found.violations.filter((one) => grave.includes(one.impact)).flatMap((one) =>
    one.nodes.map((node) => `${one.impact} ${one.id}: ${node.target.join(' ')}: ${node.failureSummary}`));
}"""


@cache
def _source() -> str:
    return SOURCE.read_text()


def violations(page: Page, rules: dict[str, Any] = RULES) -> list[str]:
    """What is serious or critical on the page as it stands, a sentence for each element."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(STILL)
        page.evaluate(_source())
    found: list[str] = page.evaluate(RUN, [rules, GRAVE])
    return [" ".join(one.split()) for one in found]


# A colour that is on its way from one theme to the other is neither's.
STILL = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync('*, *::before, *::after { transition: none !important; }');
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}"""


def in_both_themes(page: Page) -> list[str]:
    """The same in the page's own theme, and for what a theme changes in the other one, which is put on in place."""
    found = violations(page)
    first = page.evaluate("document.documentElement.dataset.theme || 'light'")
    other = "light" if first == "dark" else "dark"
    _put_on(page, other)
    found += [f"{other}: {one}" for one in violations(page, OF_A_THEME)]
    _put_on(page, first)
    return found


def _put_on(page: Page, theme: str) -> None:
    page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
