"""Which scope a token needs at which endpoint: one table. Looking (GET, HEAD, OPTIONS) needs `read` everywhere.

An endpoint that is not in the table takes no token that has scopes, and fails a test.
"""

from typing import Any, Final

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from classifier.exceptions import PlatformError
from mriplatform.accounts.models import ApiToken
from mriplatform.accounts.scopes import Scope, reaches

# The scope that a write needs, by the name of the endpoint's address; READ where there is nothing to write.
SCOPES: Final[dict[str, Scope]] = {
    "api-collections": Scope.MANAGE,
    "api-collection-version": Scope.PROMOTE,
    "api-studies": Scope.UPLOAD,
    "api-study": Scope.READ,
    "api-study-purge": Scope.MANAGE,
    "api-study-receipt": Scope.READ,
    "dicomweb-studies": Scope.UPLOAD,
    "dicomweb-study": Scope.UPLOAD,
    "dicomweb-collection-studies": Scope.UPLOAD,
    "dicomweb-collection-study": Scope.UPLOAD,
    "api-archives": Scope.UPLOAD,
    "api-archive": Scope.READ,
    "api-archive-parts": Scope.READ,
    "api-archive-part": Scope.UPLOAD,
    "api-archive-complete": Scope.UPLOAD,
    "api-archive-store": Scope.UPLOAD,
    "api-archive-cancel": Scope.UPLOAD,
    "api-archive-entries": Scope.READ,
    "api-image": Scope.READ,
    "api-image-pixels": Scope.READ,
    "api-image-hide": Scope.UPLOAD,
    "api-image-trace": Scope.READ,
    "api-image-dicom": Scope.READ,
    "api-image-report": Scope.READ,
    "api-image-saliency": Scope.READ,
    "api-study-report": Scope.READ,
    "api-study-results": Scope.READ,
    "api-quarantine": Scope.READ,
    "api-collection-quarantine": Scope.READ,
    "api-quarantined": Scope.READ,
    "api-quarantined-pixels": Scope.READ,
    "api-quarantined-release": Scope.REVIEW,
    "api-quarantined-mask": Scope.REVIEW,
    "api-quarantined-reject": Scope.REVIEW,
    "api-predictions": Scope.TRAIN,
    "api-prediction": Scope.READ,
    "api-prediction-retry": Scope.TRAIN,
    "api-model-versions": Scope.READ,
    "api-model-version": Scope.READ,
    "api-model-version-in-force": Scope.READ,
    "api-roll-back": Scope.PROMOTE,
    "api-version-proposals": Scope.TRAIN,
    "api-version-judgements": Scope.TRAIN,
    "api-training-run-learning-curve": Scope.TRAIN,
    "api-gate-rules": Scope.PROMOTE,
    "api-gate-rule": Scope.READ,
    "api-gate-decisions": Scope.READ,
    "api-gate-decision": Scope.READ,
    "api-proposals": Scope.READ,
    "api-proposal": Scope.READ,
    "api-proposal-approve": Scope.PROMOTE,
    "api-proposal-decline": Scope.PROMOTE,
    "api-promotions": Scope.READ,
    "api-readings": Scope.REVIEW,
    "api-reading": Scope.READ,
    "api-reading-events": Scope.READ,
    "api-first-read": Scope.REVIEW,
    "api-range-first-read": Scope.REVIEW,
    "api-reveal": Scope.REVIEW,
    "api-verdict": Scope.REVIEW,
    "api-amend": Scope.REVIEW,
    "api-withdraw": Scope.REVIEW,
    "api-undo": Scope.REVIEW,
    "api-draft": Scope.REVIEW,
    "api-worklist": Scope.READ,
    "api-disagreements": Scope.READ,
    "api-disagreement": Scope.READ,
    "api-adjudications": Scope.REVIEW,
    "api-collection-adjudications": Scope.READ,
    "api-labels": Scope.READ,
    "api-label-sets": Scope.READ,
    "api-label-set": Scope.READ,
    "api-label-set-entries": Scope.READ,
    "api-label-set-differences": Scope.READ,
    "api-label-set-export": Scope.READ,
    "api-manifest": Scope.READ,
    "api-likely-errors": Scope.LABEL,
    "api-label-set-send-back": Scope.LABEL,
    "api-eligibility": Scope.LABEL,
    "api-dry-run": Scope.READ,
    "api-collection-label-sets": Scope.LABEL,
    "api-imports": Scope.LABEL,
    "api-label-set-imports": Scope.LABEL,
    "api-protocol": Scope.LABEL,
    "api-known-cases": Scope.LABEL,
    "api-known-case-take-back": Scope.LABEL,
    "api-figures": Scope.LABEL,
    "api-own-figures": Scope.READ,
    "api-shadows": Scope.TRAIN,
    "api-shadow-end": Scope.TRAIN,
    "api-rescores": Scope.TRAIN,
    "api-rescore": Scope.READ,
    "api-rescore-pause": Scope.TRAIN,
    "api-rescore-resume": Scope.TRAIN,
    "api-rescore-cancel": Scope.TRAIN,
    "api-label-set-retrain": Scope.TRAIN,
    "api-retraining-plan": Scope.TRAIN,
    "api-training-runs": Scope.READ,
    "api-training-run": Scope.READ,
    "api-training-run-cancel": Scope.TRAIN,
    "api-training-run-trace": Scope.READ,
    "api-tokens": Scope.MANAGE,
    "api-token-revoke": Scope.MANAGE,
    "api-members": Scope.MANAGE,
    "api-member-revoke": Scope.MANAGE,
    "api-webhooks": Scope.MANAGE,
    "api-webhook": Scope.MANAGE,
    "api-webhook-pause": Scope.MANAGE,
    "api-webhook-resume": Scope.MANAGE,
    "api-webhook-secret": Scope.MANAGE,
    "api-webhook-test": Scope.MANAGE,
    "api-webhook-deliveries": Scope.READ,
    "api-webhook-redeliver": Scope.MANAGE,
}


class ScopeMissing(PlatformError):
    code = "scope_missing"
    status = 403


class InScope(BasePermission):
    """A token does what its scopes name and no more; a browser's session does all that its user may."""

    def has_permission(self, request: Request, view: Any) -> bool:
        token = request.auth
        if not isinstance(token, ApiToken) or not token.scopes:
            return True
        match = request._request.resolver_match
        writes = SCOPES.get(match.url_name or "") if match else None
        needed = Scope.READ if writes and request.method in SAFE_METHODS else writes
        if needed is None or not reaches(token.scopes, needed):
            raise ScopeMissing(f"This token may not do that: it needs the scope {needed or 'of all'}.")
        return True
