"""Every page of the machine reader, and who gets what there."""

import pytest
from django.urls import reverse

from tests.classifier.doors import MARK, House
from tests.factories import make_version

# nobody: not signed in. charlie: an administrator, elsewhere. loner: no role at all.
PEOPLE = ("nobody", "charlie", "loner", "alice", "bob", "both", "erin", "paul", "otto", "ann")
MEMBERS = ("alice", "bob", "both", "erin", "paul", "otto", "ann")
SIGN_IN = 302


def expected(name: str, allowed: tuple[str, ...], ok: int, stranger: int) -> int:
    """`allowed` get `ok`, other members 403, strangers `stranger`, nobody the way to sign in."""
    if name == "nobody":
        return SIGN_IN
    if name in allowed:
        return ok
    return 403 if name in MEMBERS else stranger


PAGES = {
    # name: (address of, allowed, status for strangers)
    "home": (lambda house: reverse("home"), (*MEMBERS, "charlie", "loner"), 404),
    "account": (lambda house: reverse("account"), (*MEMBERS, "charlie", "loner"), 404),
    "password": (lambda house: reverse("password"), (*MEMBERS, "charlie", "loner"), 404),
    "collection": (lambda house: reverse("collection", args=[house.collection.pk]), MEMBERS, 404),
    "upload": (lambda house: reverse("upload", args=[house.collection.pk]), ("alice", "both", "ann"), 404),
    "study": (lambda house: reverse("study", args=[house.study.pk]), MEMBERS, 404),
    "study-status": (lambda house: reverse("study-status", args=[house.study.pk]), MEMBERS, 404),
    "study-word": (lambda house: reverse("study-word", args=[house.study.pk]), MEMBERS, 404),
    "pixels": (lambda house: reverse("image-pixels", args=[house.image.pk]), MEMBERS, 404),
    "collection-version": (
        lambda house: reverse("collection-version", args=[house.collection.pk]),
        ("erin", "paul", "otto", "ann"),
        404,
    ),
    "study-compare": (
        lambda house: reverse("study-compare", args=[house.study.pk]),
        ("erin", "paul", "ann"),
        404,
    ),
    "study-compare-status": (
        lambda house: (
            f"{reverse('study-compare-status', args=[house.study.pk])}?version={house.prediction.model_version_id}"
        ),
        ("erin", "paul", "ann"),
        404,
    ),
    "versions": (lambda house: reverse("versions"), ("erin", "paul", "otto", "ann", "charlie"), 403),
    "version": (
        lambda house: reverse("version", args=[house.prediction.model_version_id]),
        ("erin", "paul", "otto", "ann", "charlie"),
        403,
    ),
}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", PEOPLE)
def test_pages(house: House, page: str, name: str) -> None:
    address, allowed, stranger = PAGES[page]
    response = house.client(name).get(address(house))
    assert response.status_code == expected(name, allowed, 200, stranger)
    if name == "nobody":
        assert response["Location"].startswith(reverse("login"))


ACTS = {
    # name: (address of, what is sent, allowed)
    "hide": (
        lambda house: reverse("image-hide", args=[house.image.pk]),
        {},
        ("alice", "bob", "both", "erin", "ann"),
    ),
    "purge": (
        lambda house: reverse("study-purge", args=[house.study.pk]),
        {"reason": "asked for"},
        ("ann",),
    ),
    "retry": (
        lambda house: reverse("prediction-retry", args=[house.prediction.pk]),
        {},
        ("erin", "ann"),
    ),
    "ask": (
        lambda house: reverse("study-ask", args=[house.study.pk]),
        {"version": lambda house: make_version(promoted=False).pk},
        ("erin", "ann"),
    ),
    "choose": (
        lambda house: reverse("collection-version", args=[house.collection.pk]),
        {"version": lambda house: house.prediction.model_version_id, "reason": "it reads well here"},
        ("paul", "ann"),
    ),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("name", PEOPLE)
def test_acts(house: House, act: str, name: str) -> None:
    address, sent, allowed = ACTS[act]
    if act == "retry":
        house.fail()
    sent = {field: value(house) if callable(value) else value for field, value in sent.items()}
    response = house.client(name).post(address(house), sent)
    if act == "retry" and name in ("alice", "bob", "both", "otto"):
        # What they may not see is not there for them at all.
        assert response.status_code == 404
    else:
        assert response.status_code == expected(name, allowed, 302, 404)
    if response.status_code == 302 and name != "nobody":
        at = "collection-version" if act == "choose" else "study-compare" if act == "ask" else "study"
        there = house.collection if act == "choose" else house.study
        assert response["Location"].startswith(reverse(at, args=[there.pk]))
    assert done(house, act) == (name in allowed)


@pytest.mark.parametrize("act", ACTS)
def test_acts_need_a_post_and_a_csrf_token(house: House, act: str) -> None:
    address, sent, _ = ACTS[act]
    assert house.client("ann").get(address(house)).status_code == (200 if act == "choose" else 405)
    sent = {field: value(house) if callable(value) else value for field, value in sent.items()}
    assert house.client("ann", enforce_csrf_checks=True).post(address(house), sent).status_code == 403
    assert not done(house, act)


def done(house: House, act: str) -> bool:
    for row in (house.image, house.study, house.prediction):
        row.refresh_from_db()
    return {
        "hide": house.image.hidden_at is not None,
        "purge": house.study.purged_at is not None,
        "retry": house.prediction.status == "queued",
        "ask": house.image.predictions.filter(for_comparison=True).exists(),
        "choose": house.collection.version_choices.exists(),
    }[act]


@pytest.mark.parametrize("page", ["collection", "study", "study-status", "home"])
@pytest.mark.parametrize(
    ("name", "sees"),
    [
        ("erin", True),
        ("paul", True),
        ("ann", True),
        ("alice", False),
        ("bob", False),
        ("both", False),
        ("otto", False),
    ],
)
def test_who_sees_the_answer(house: House, page: str, name: str, sees: bool) -> None:
    body = house.client(name).get(PAGES[page][0](house)).content.decode().lower()
    assert (MARK in body) == (sees and page != "home")


@pytest.mark.parametrize(("name", "sees"), [("alice", True), ("otto", True), ("bob", False), ("both", False)])
def test_who_sees_the_answer_of_a_final_study(house: House, name: str, sees: bool) -> None:
    from classifier.services.studies import set_finality

    set_finality(study=house.study, final=True)
    body = house.client(name).get(PAGES["study"][0](house)).content.decode().lower()
    assert (MARK in body) == sees
    assert ("data-maps-of" in body) == sees


def test_what_a_stranger_gets_is_what_a_missing_thing_gets(house: House) -> None:
    missing = "019b1f6e-8a01-7c3e-9d55-0a6f1e2b7f3a"
    client = house.client("charlie")
    for address in (PAGES["study"][0](house), PAGES["collection"][0](house), PAGES["pixels"][0](house)):
        real = client.get(address)
        own = next(
            str(pk) for pk in (house.study.pk, house.collection.pk, house.image.pk) if str(pk) in address
        )
        gone = client.get(address.replace(own, missing))
        assert real.status_code == gone.status_code == 404
        assert _without_nonces(real) == _without_nonces(gone)


def _without_nonces(response) -> str:
    import re

    body = response.content.decode()
    return re.sub(r'nonce="[^"]*"|[A-Za-z0-9]{64}', "", body)
