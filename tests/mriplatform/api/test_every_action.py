"""Whatever a person can do in the portal, a program can do under /api/v1: every form has its endpoints."""

from tests.reviews.walk import ASKED

# By the name of a page's form: the endpoints, or why there are none.
ACTIONS: dict[str, tuple[str, ...] | str] = {
    "logout": "A program has no session.",
    "password": "A password is for people; a token cannot be used to take an account over.",
    "token-make": ("api-tokens",),
    "token-revoke": ("api-token-revoke",),
    "upload": ("api-studies",),
    "archives": ("api-archives",),
    "archive-store": ("api-archive-store",),
    "archive-cancel": ("api-archive-cancel",),
    "quarantined-mask": ("api-quarantined-mask",),
    "quarantined-release": ("api-quarantined-release",),
    "quarantined-reject": ("api-quarantined-reject",),
    "collection-version": ("api-collection-version",),
    "study-ask": ("api-predictions",),
    "study-purge": ("api-study-purge",),
    "image-hide": ("api-image-hide",),
    "reading-identity": ("api-image-hide",),
    "prediction-retry": ("api-prediction-retry",),
    "version-propose": ("api-version-proposals",),
    "proposal-approve": ("api-proposal-approve",),
    "proposal-decline": ("api-proposal-decline",),
    "version-judge": ("api-version-judgements",),
    "gate-rules": ("api-gate-rules",),
    "roll-back": ("api-roll-back",),
    "read-next": ("api-readings",),
    "read-image": ("api-readings",),
    "reading-first-read": ("api-first-read", "api-range-first-read"),
    "reading-reveal": ("api-reveal",),
    "reading-verdict": ("api-verdict",),
    "reading-undo": ("api-undo",),
    "reading-amend": ("api-amend",),
    "reading-withdraw": ("api-withdraw",),
    "reading-draft": ("api-draft",),
    "disagreement": ("api-adjudications",),
    "protocol": ("api-protocol",),
    "known-cases": ("api-known-cases",),
    "known-case-take-back": ("api-known-case-take-back",),
    "figures-compute": ("api-figures",),
    "eligibility": ("api-eligibility",),
    "label-set-freeze": ("api-collection-label-sets",),
    "import-labels": ("api-imports", "api-label-set-imports"),
    "label-errors": ("api-likely-errors",),
    "label-errors-send": ("api-label-set-send-back",),
    "label-set-retrain": ("api-label-set-retrain",),
    "retraining-plan": ("api-retraining-plan",),
    "training-run-curve": ("api-training-run-learning-curve",),
    "training-run-cancel": ("api-training-run-cancel",),
    "shadows": ("api-shadows",),
    "shadow-end": ("api-shadow-end",),
    "rescores": ("api-rescores",),
    "rescore-pause": ("api-rescore-pause",),
    "rescore-resume": ("api-rescore-resume",),
    "rescore-cancel": ("api-rescore-cancel",),
    "webhooks": ("api-webhooks",),
    "webhook-pause": ("api-webhook-pause",),
    "webhook-resume": ("api-webhook-resume",),
    "webhook-rotate": ("api-webhook-secret",),
    "webhook-test": ("api-webhook-test",),
    "webhook-delete": ("api-webhook",),
    "webhook-redeliver": ("api-webhook-redeliver",),
}


def writing() -> set[str]:
    """The names of everything that is asked with more than a look."""
    return {name for name, asks in ASKED.items() if any(ask.method not in ("GET", "HEAD") for ask in asks)}


def test_every_form_of_a_page_has_its_endpoints():
    forms = {name for name in writing() if not name.startswith(("api-", "dicomweb-"))}
    assert forms == set(ACTIONS)


def test_every_endpoint_that_is_named_is_there_and_writes():
    named = {name for names in ACTIONS.values() if isinstance(names, tuple) for name in names}
    assert named <= writing()


def test_what_has_no_endpoint_says_why():
    assert all(reason.endswith(".") for reason in ACTIONS.values() if isinstance(reason, str))
