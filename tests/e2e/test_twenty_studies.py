"""Twenty studies, read blind by two radiologists at once and settled by a third, by keys alone, in a real Chromium.

Undo of a first read and of a verdict, a verdict withdrawn, corrections, a change to the machine's answer, a tab killed
over a draft, and disagreements that open by themselves. At the end the ledger holds what was said and nothing else,
and no answer of the server gave away what the machine said of an image before its reader had looked.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from reviews.models import Reason, WithdrawalReason
from reviews.views.wording import NOT_ASSESSABLE
from tests.e2e.answered import Answered, answers_kept
from tests.e2e.by_keys import Person, Reader, Script, at_once
from tests.e2e.conftest import PATIENCE_MS
from tests.e2e.waiting import image_ready
from tests.factories import PASSWORD, make_user

# Playwright keeps an event loop in this thread; Django takes that for asynchronous code and refuses its database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
pytestmark = pytest.mark.timeout(600)

STUDIES = 20
KINDS = ("glioma", "meningioma", "notumor", "pituitary")
PLANES = ("axial", "coronal", "sagittal")
# What stands on a page only where the machine's answer does.
TELLS = re.compile(
    r"data-maps|map-controls|id=\"maps\"|class=\"says\"|probabilit|The model says: |probably|held-out",
    re.IGNORECASE,
)

Act = Callable[[Reader], Script]


def agree(label: str) -> Act:
    return lambda reader: reader.agree(label)


# Where the machine is wrong, by number of the study; elsewhere it says what is there.
WRONG = {1: "notumor", 4: "glioma", 5: "pituitary", 9: "meningioma", 13: "glioma", 17: "meningioma"}
# What both say first, by number of the study; elsewhere both agree with the machine.
RIVERA: dict[int, Act] = {
    1: lambda reader: reader.keep("meningioma", Reason.LOCATION, "Broad dural base 1 2 0."),
    2: lambda reader: reader.take_back_first_read("glioma", then="notumor"),
    3: lambda reader: reader.take_back_verdict("pituitary", then="pituitary"),
    4: lambda reader: reader.change("pituitary"),
    5: lambda reader: reader.lose_tab("meningioma", Reason.ENHANCEMENT, "Half a thought that stays"),
    6: lambda reader: reader.withdraw("notumor", WithdrawalReason.SLIP),
    8: lambda reader: reader.describe("glioma"),
    9: lambda reader: reader.keep("pituitary", Reason.MORPHOLOGY),
    13: lambda reader: reader.keep("meningioma", Reason.ENHANCEMENT),
    17: lambda reader: reader.neither("glioma", "notumor"),
}
CHEN: dict[int, Act] = {
    1: lambda reader: reader.keep("meningioma", Reason.MORPHOLOGY),
    4: agree("glioma"),
    5: lambda reader: reader.keep("meningioma", Reason.ENHANCEMENT),
    7: agree(NOT_ASSESSABLE),
    9: lambda reader: reader.change("pituitary"),
    11: lambda reader: reader.take_back_verdict("pituitary", then="pituitary"),
    13: lambda reader: reader.change("meningioma"),
    14: lambda reader: reader.withdraw("notumor", WithdrawalReason.NO_LONGER_SURE),
    17: lambda reader: reader.neither("glioma", "notumor"),
}
# Where they differ in the end, what the adjudicator makes of it, and why.
DECIDED = {
    7: ("4", "pituitary", "Motion, but the sella is seen 1 2 3."),
    9: ("4", "pituitary", "Within the sella."),
    13: ("0", "", "Neither can be told from this slice."),
}
FINAL = {number: KINDS[number % 4] for number in range(STUDIES)} | {
    4: "glioma",
    5: "meningioma",
    17: "notumor",
}


@pytest.fixture
def house(transactional_db, monkeypatch) -> SimpleNamespace:
    """The collection, its twenty studies in order of arrival, their fingerprints, and who comes in."""
    from reviews.services.protocols import set_protocol
    from tests.e2e.reading_room import answer_slices
    from tests.factories import make_collection

    # A busy machine must not turn an undo into a refusal; that it ends after ten seconds is another test's.
    for module in ("reviews.selectors.state", "reviews.selectors.recent"):
        monkeypatch.setattr(f"{module}.UNDO_SECONDS", 100)
    monkeypatch.setattr("reviews.services.taking_back.UNDO_WINDOW", timedelta(seconds=100))

    collection = make_collection("Neuro, April")
    roles = {"uma": "uploader", "rivera": "radiologist", "chen": "radiologist", "okafor": "adjudicator"}
    for name, role in roles.items():
        make_user(name, collection=collection, role=role, password=PASSWORD)
    set_protocol(actor=None, collection=collection, mode="blinded_first", readers_per_image=2)
    slices = [
        (KINDS[number % 4], PLANES[number % 3], WRONG.get(number, KINDS[number % 4]))
        for number in range(STUDIES)
    ]
    return SimpleNamespace(collection=collection, images=answer_slices(collection, slices))


@pytest.fixture
def context(browser: Browser, live_server) -> Iterator[Callable[[], BrowserContext]]:
    """Browsers that share nothing."""
    opened: list[BrowserContext] = []

    def _open() -> BrowserContext:
        opened.append(
            browser.new_context(
                viewport={"width": 1280, "height": 800}, base_url=live_server.url, reduced_motion="reduce"
            )
        )
        opened[-1].set_default_timeout(PATIENCE_MS)
        return opened[-1]

    yield _open
    for one in opened:
        one.close()


def test_twenty_studies(house, context) -> None:
    images = [str(image.pk) for image in house.images]
    machine = {image: WRONG.get(number, KINDS[number % 4]) for number, image in enumerate(images)}
    plans = [
        {image: plan.get(number, agree(machine[image])) for number, image in enumerate(images)}
        for plan in (RIVERA, CHEN)
    ]
    readers = [Reader(context(), name, machine) for name in ("rivera", "chen")]
    okafor = Person(context(), "okafor")
    with answers_kept() as answers:
        nothing_to_decide(okafor)
        at_once(*(reader.read(plan) for reader, plan in zip(readers, plans, strict=True)))
        decide(okafor, house.images)
        told_on_the_study_page(Person(context(), "uma"), house.images)
        for person in (*readers, okafor):
            person.leave()
    ledger_holds(readers, images)
    findings_stand(images)
    final_labels_stand(images)
    nothing_was_given_away(answers, house.images)


def nothing_to_decide(okafor: Person) -> None:
    okafor.sign_in()
    okafor.tab_to("Neuro, April")
    okafor.press("Enter")
    expect(okafor.page.get_by_role("heading", name="Neuro, April")).to_be_visible()
    okafor.tab_to("Disagreements")
    okafor.press("Enter")
    expect(okafor.page.get_by_role("heading", name="Nothing to decide")).to_be_visible()


def decide(okafor: Person, images: list) -> None:
    """What the readers left open is there by itself; each is decided with its reasons."""
    page = okafor.page
    page.reload()
    expect(page.get_by_role("row")).to_have_count(1 + len(DECIDED))
    page.wait_for_load_state("load")
    okafor.press("n")
    for number, (key, _, rationale) in DECIDED.items():
        expect(page.get_by_role("heading", name=f"Deciding image {images[number].short_id}")).to_be_attached()
        image_ready(page)
        for read in ("Reader 1", "Reader 2"):
            expect(page.get_by_role("heading", name=read)).to_be_visible()
        okafor.press(key, "n")
        page.keyboard.type(rationale)
        okafor.press("Escape", "Enter")
    expect(page.get_by_role("heading", name="Nothing to decide")).to_be_visible()


def told_on_the_study_page(uma: Person, images: list) -> None:
    """Who sent the studies learns the final label, and how it came about."""
    uma.sign_in()
    for number, label, path in ((0, "Glioma", "agreed"), (9, "Pituitary tumour", "adjudicated"),
                                (13, "Not assessable", "adjudicated")):  # fmt: skip
        uma.page.goto(f"/studies/{images[number].study_id}")
        card = uma.page.locator("section", has=uma.page.get_by_role("heading", name="Final label"))
        expect(card.locator(".said")).to_have_text(label)
        expect(card.locator("header")).to_contain_text(path)
    uma.leave()


def ledger_holds(readers: list[Reader], images: list[str]) -> None:
    """Each reader has one reading of each image, with what they said in it, in order, once."""
    from reviews.models import Reading

    assert Reading.objects.count() == len(readers) * len(images)
    for reader in readers:
        readings = {str(one.image_id): one for one in Reading.objects.filter(reader__username=reader.name)}
        assert set(readings) == set(images) == set(reader.said)
        for image, reading in readings.items():
            assert reading.finished_at is not None
            events = list(reading.events.order_by("sequence"))
            said = [(one.kind, one.verdict, one.label, one.reason, one.note) for one in events]
            assert said == reader.said[image], (reader.name, images.index(image))
            assert [one.sequence for one in events] == list(range(1, len(events) + 1))
            assert [one.at for one in events] == sorted(one.at for one in events)
            saw = {(one.kind, one.saw_prediction) for one in events if one.kind in ("first_read", "verdict")}
            assert saw == {("first_read", False), ("verdict", True)}


def findings_stand(images: list[str]) -> None:
    """How good an image is stands with each first read, and where the finding lies where somebody said so."""
    from reviews.models import ReviewEvent

    described = []
    for event in ReviewEvent.objects.filter(kind="first_read").select_related("reading"):
        if (event.image_quality, event.location, event.region) != ("good", "", None):
            described.append(
                (event.reading.image_id, event.image_quality, event.location, event.region["shape"])
            )
        assert event.active_ms is not None
    assert [(str(image), *rest) for image, *rest in described] == [(images[8], "limited", "temporal", "box")]


def final_labels_stand(images: list[str]) -> None:
    from reviews.models import Adjudication, ImageStanding

    decisions = Adjudication.objects.order_by("id").values_list("image", "label", "rationale")
    assert [(str(image), *rest) for image, *rest in decisions] == [
        (images[number], label, rationale) for number, (_, label, rationale) in DECIDED.items()
    ]
    stands = {str(one.pk): (one.outcome, one.label, one.path) for one in ImageStanding.objects.all()}
    assert stands == {
        image: (
            ("final", DECIDED[number][1], "adjudicated")
            if number in DECIDED
            else ("final", FINAL[number], "agreed")
        )
        for number, image in enumerate(images)
    }


def nothing_was_given_away(answers: list[Answered], images: list) -> None:
    """No answer to a reader carries a word or a number of the machine's before the reveal; afterwards it does."""
    from classifier.selectors import viewer_maps
    from reviews.models import ReviewEvent

    marks = {image.pk: _mark(viewer_maps(image.predictions.get())) for image in images}
    assert len(set(marks.values())) == len(images)
    for name in ("rivera", "chen"):
        own = [one for one in answers if one.to == name]
        reveals = ReviewEvent.objects.filter(kind="reveal", reading__reader__username=name)
        revealed = {one.reading.image_id: one.at for one in reveals.select_related("reading")}
        shown = {str(one.reading_id): one.at for one in reveals}
        for answer in own:
            if answer.reading not in shown or answer.at < shown[answer.reading]:
                assert not TELLS.search(answer.text), (answer.address, TELLS.search(answer.text))
            early = [
                image for image, mark in marks.items() if answer.at < revealed[image] and mark in answer.text
            ]
            assert early == [], answer.address
        for mark in marks.values():
            assert any(mark in answer.text for answer in own)


def _mark(maps: dict) -> str:
    """Numbers that only this image's answer holds, as a page writes them."""
    return json.dumps(maps["maps"][2][4])
