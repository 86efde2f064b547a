"""Label sets: which labels count, what a freeze would take, what was frozen, and what differs."""

from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.selectors.label_set_runs import runs_on, versions_from
from mriplatform.api.conditions import if_match, version_seen
from mriplatform.api.pagination import CursorPagination
from mriplatform.api.rendering import AS_TABLE, TABLE_RENDERERS, FormatNegotiation, table_asked
from mriplatform.api.schema import problems
from mriplatform.api.views import ApiView, person
from mriplatform.audit.recording import record
from mriplatform.tables import serve_table, table
from reviews.access import get_collection_to_freeze, get_collection_with_label_sets, get_label_set
from reviews.api.label_set_serializers import (
    DifferenceQuerySerializer,
    DifferencesSerializer,
    DryRunQuerySerializer,
    DryRunSerializer,
    EntryQuerySerializer,
    EntrySerializer,
    FreezeSerializer,
    LabelSetDetailSerializer,
    PolicyInForceSerializer,
    PolicyRulesSerializer,
)
from reviews.api.serializers import LabelSetSerializer
from reviews.exceptions import ReviewRefused
from reviews.models import EligibilityPolicy, LabelSet, LabelSetEntry
from reviews.selectors import newest_label_set
from reviews.selectors.eligibility import policies_of, policy_of
from reviews.selectors.entry_table import ENTRY_COLUMNS, entry_rows
from reviews.selectors.frozen import label_sets_in
from reviews.selectors.listed_lines import (
    PAGE,
    Narrowing,
    as_values,
    narrowed_entries,
    narrowed_lines,
    page_of,
)
from reviews.selectors.planned import planned_label_set
from reviews.selectors.set_differences import difference_counts, differences
from reviews.services.eligibility import (
    POLICY,
    proposed_policy,
    set_policy,
)
from reviews.services.label_sets import freeze_label_set

IN_FORCE = "the policy in force"


class InManifestOrder(CursorPagination):
    ordering = "image_id"
    turns = False


class Eligibility(ApiView):
    @extend_schema(
        operation_id="get_eligibility",
        summary="Which labels a label set of this collection takes, with every version before it",
        responses={200: PolicyInForceSerializer, **problems(401, 403, 404)},
    )
    def get(self, request: Request, collection_id: UUID) -> Response:
        return _in_force(policy_of(get_collection_to_freeze(request.user, collection_id)))

    @extend_schema(
        operation_id="set_eligibility",
        summary="Put a policy in force for the label sets that are frozen from now on",
        description="The same again changes nothing. 412 where another version was set since the ETag was fetched.",
        parameters=[if_match(IN_FORCE)],
        request=PolicyRulesSerializer,
        responses={200: PolicyInForceSerializer, **problems(400, 401, 403, 404, 412, 428)},
    )
    def put(self, request: Request, collection_id: UUID) -> Response:
        collection = get_collection_to_freeze(request.user, collection_id)
        sent = self.sent(PolicyRulesSerializer, request.data)
        seen = version_seen(request, IN_FORCE)
        return _in_force(set_policy(actor=person(request), collection=collection, if_version=seen, **sent))


class DryRun(ApiView):
    query_serializer = DryRunQuerySerializer

    @extend_schema(
        operation_id="try_eligibility",
        summary="What a freeze would take: how many, which, and why others are left out; nothing is stored",
        description=(
            "By the policy in force, or by the one that is asked for. A freeze by the policy in force does exactly "
            "this, as long as nobody says anything meanwhile: send `manifest_sha256` with it to be sure."
        ),
        parameters=[DryRunQuerySerializer],
        responses={200: DryRunSerializer, **problems(400, 401, 403, 404)},
    )
    def get(self, request: Request, collection_id: UUID) -> Response:
        collection = get_collection_to_freeze(request.user, collection_id)
        asked = self.asked(request)
        tried = {name: asked.pop(name) for name in POLICY if name in asked}
        policy = proposed_policy(collection, **tried) if tried else policy_of(collection)
        start, size = asked.pop("start", ""), asked.pop("size", PAGE)
        planned = planned_label_set(collection, policy)
        lines = narrowed_lines(planned, Narrowing(**asked))
        page = page_of(lines, start=str(start), size=size + 1)
        shown = {
            "policy": _policy(policy),
            "manifest_sha256": planned.sha256,
            "counts": planned.counts,
            "unlabelled": planned.unlabelled,
            "total": len(lines),
            "images": [as_values(line) for line in page[:size]],
            "next": page[size - 1].image if len(page) > size else None,
        }
        return Response(DryRunSerializer(shown).data)


class CollectionLabelSets(ApiView):
    serializer_class = LabelSetSerializer
    paged = True

    @extend_schema(
        operation_id="list_label_sets_of_collection",
        summary="The label sets of a collection, newest first",
        responses={200: LabelSetSerializer(many=True), **problems(400, 401, 403, 404)},
    )
    def get(self, request: Request, collection_id: UUID) -> Response:
        collection = get_collection_with_label_sets(request.user, collection_id)
        return self.paged_response(self.page_of(label_sets_in(collection)))

    @extend_schema(
        operation_id="freeze_label_set",
        summary="Freeze the labels that the policy in force takes",
        description="200 and the earlier set where nothing changed since: the same labels are the same set.",
        request=FreezeSerializer,
        responses={
            200: LabelSetDetailSerializer,
            201: LabelSetDetailSerializer,
            **problems(400, 401, 403, 404, 412, 422),
        },
    )
    def post(self, request: Request, collection_id: UUID) -> Response:
        collection = get_collection_to_freeze(request.user, collection_id)
        sent = self.sent(FreezeSerializer, request.data)
        newest = newest_label_set(collection)
        frozen = freeze_label_set(
            actor=person(request), collection=collection, if_sha256=sent.get("if_manifest_sha256")
        )
        known = newest is not None and frozen.number <= newest.number
        return Response(_detail(frozen), status=200 if known else 201)


class OneLabelSet(ApiView):
    @extend_schema(
        operation_id="get_label_set",
        summary="A label set: its counts, its policy, the runs that used it and the versions that came of it",
        responses={200: LabelSetDetailSerializer, **problems(401, 403, 404)},
    )
    def get(self, request: Request, label_set_id: UUID) -> Response:
        return Response(_detail(get_label_set(request.user, label_set_id)))


class LabelSetEntries(ApiView):
    serializer_class = EntrySerializer
    query_serializer = EntryQuerySerializer
    pagination_class = InManifestOrder
    renderer_classes = TABLE_RENDERERS
    content_negotiation_class = FormatNegotiation
    paged = True

    @extend_schema(
        operation_id="list_label_set_entries",
        summary="The images of a label set, in the order of its manifest, those left out too",
        description="In pages as JSON; whole, with the columns of docs/results.md, as CSV and JSON Lines.",
        parameters=[EntryQuerySerializer],
        responses={
            (200, "application/json"): EntrySerializer(many=True),
            **AS_TABLE,
            **problems(400, 401, 403, 404, 406),
        },
    )
    def get(self, request: Request, label_set_id: UUID) -> Response | StreamingHttpResponse:
        label_set = get_label_set(request.user, label_set_id)
        asked = self.asked(request)
        asked.pop("format", None)
        narrowing = Narrowing(**asked)
        if form := table_asked(request):
            record(
                action="label_set.entries_downloaded", actor=person(request), target=label_set,
                collection_id=label_set.collection_id, form=form,
            )  # fmt: skip
            pieces = table(form, ENTRY_COLUMNS, entry_rows(label_set, narrowing))
            return serve_table(pieces, form=form, name=f"label-set-{label_set.number}")
        rows: list[LabelSetEntry] = self.page_of(narrowed_entries(label_set, narrowing))
        return self.paged_response(rows)  # type: ignore[arg-type]  # the serializer takes rows


class LabelSetDifferences(ApiView):
    query_serializer = DifferenceQuerySerializer

    @extend_schema(
        operation_id="compare_label_sets",
        summary="What is different in a label set from another: added, removed, label, part, reason, weight",
        parameters=[DifferenceQuerySerializer],
        responses={200: DifferencesSerializer, **problems(400, 401, 403, 404, 422)},
    )
    def get(self, request: Request, label_set_id: UUID) -> Response:
        after = get_label_set(request.user, label_set_id)
        asked = self.asked(request)
        before, size = _against(request, after, asked), asked.get("size", PAGE)
        change, start = asked.get("change", ""), asked.get("start", "")
        rows = list(differences(before, after, change=change, start=start, size=size + 1))
        shown = {
            "before": before,
            "after": after,
            "counts": difference_counts(before, after),
            "differences": rows[:size],
            "next": rows[size - 1].pixel_sha256 if len(rows) > size else None,
        }
        return Response(DifferencesSerializer(shown).data)


def _against(request: Request, after: LabelSet, asked: dict[str, Any]) -> LabelSet:
    if "against" in asked:
        return get_label_set(request.user, asked["against"])
    before = label_sets_in(after.collection).filter(number__lt=after.number).first()
    if before is None:
        raise ReviewRefused("There is no label set before this one; name another.", code="nothing_to_compare")
    return before


def _in_force(policy: EligibilityPolicy) -> Response:
    history = [_policy(version) for version in policies_of(policy.collection)]
    shown = PolicyInForceSerializer(_policy(policy) | {"history": history}).data
    return Response(shown, headers={"ETag": f'"{policy.version}"'})


def _policy(policy: EligibilityPolicy) -> dict[str, Any]:
    said = {
        "version": policy.version,
        "set_by": policy.set_by.get_username() if policy.set_by else None,
        "set_at": policy.created_at if policy.version else None,
    }
    return said | {name: getattr(policy, name) for name in POLICY}


def _detail(label_set: LabelSet) -> dict[str, Any]:
    more = {
        "policy": _policy(label_set.policy) if label_set.policy else None,
        "dataset": label_set.dataset,
        "frozen_by": label_set.frozen_by.get_username() if label_set.frozen_by else None,
        "runs": runs_on(label_set.manifest_sha256),
        "versions": versions_from(label_set.manifest_sha256),
    }
    about = {name: getattr(label_set, name) for name in ("id", "number", "collection_id", "manifest_sha256")}
    about |= {"counts": label_set.counts, "created_at": label_set.created_at}
    return dict(LabelSetDetailSerializer(about | more).data)
