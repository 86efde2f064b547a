"""Proposing versions, deciding on proposals, going back, and what was put in force so far."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.access import get_proposal, get_proposal_to_decline, get_version, require_roll_back
from classifier.api.shown_versions import shown_promotion, shown_proposal
from classifier.api.version_serializers import (
    ApproveSerializer,
    PromotionRowSerializer,
    ProposalQuerySerializer,
    ProposalSerializer,
    ReasonSerializer,
    RollBackSerializer,
)
from classifier.models import Proposal
from classifier.selectors import promotions
from classifier.selectors.proposals import open_proposals, proposals
from classifier.services.promotion import (
    approve,
    decline,
    prepare_approval,
    prepare_roll_back,
    propose,
    roll_back,
)
from mriplatform.accounts.access import require_anywhere
from mriplatform.accounts.roles import Permission
from mriplatform.api.schema import problems
from mriplatform.api.views import ApiView, person


class Proposals(ApiView):
    serializer_class = ProposalSerializer
    query_serializer = ProposalQuerySerializer
    paged = True

    @extend_schema(
        operation_id="list_proposals",
        summary="List what was proposed to be put in force, newest first",
        parameters=[ProposalQuerySerializer],
        responses={200: ProposalSerializer(many=True), **problems(400, 401, 403)},
    )
    def get(self, request: Request) -> Response:
        require_anywhere(request.user, Permission.VIEW_MODELS)
        rows = open_proposals() if self.asked(request).get("open") else proposals()
        return self.paged_response([shown_proposal(row) for row in self.page_of(rows)])


class VersionProposals(ApiView):
    serializer_class = ProposalSerializer

    @extend_schema(
        operation_id="propose_model_version",
        summary="Propose that a version be put in force",
        description=(
            "Engineers and administrators. The proposal names what the gate said last of the version beside the one "
            "in force. A different person approves it."
        ),
        request=ReasonSerializer,
        responses={201: ProposalSerializer, **problems(400, 401, 403, 404, 409)},
    )
    def post(self, request: Request, version_id: UUID) -> Response:
        sent = self.sent(ReasonSerializer, request.data)
        version = get_version(request.user, version_id)
        require_anywhere(request.user, Permission.TRAIN)
        made = propose(actor=person(request), version=version, reason=sent["reason"])
        return self._shown(request, made.pk, status.HTTP_201_CREATED)

    def _shown(self, request: Request, proposal_id: UUID, code: int) -> Response:
        shown = shown_proposal(get_proposal(request.user, proposal_id))
        return Response(ProposalSerializer(shown).data, status=code)


class OneProposal(ApiView):
    serializer_class = ProposalSerializer

    @extend_schema(
        operation_id="get_proposal",
        summary="One proposal, with what the gate says now and what became of it",
        responses={200: ProposalSerializer, **problems(401, 403, 404)},
    )
    def get(self, request: Request, proposal_id: UUID) -> Response:
        return Response(ProposalSerializer(shown_proposal(get_proposal(request.user, proposal_id))).data)


class ApproveProposal(ApiView):
    serializer_class = ProposalSerializer

    @extend_schema(
        operation_id="approve_proposal",
        summary="Put a proposed version in force",
        description=(
            "Approvers and administrators, and never whoever proposed it. The gate must have passed the version beside "
            "the one that is in force now; otherwise `override_reason` says why that does not count, and is shown with "
            "the version for ever. A worker loads the version first, which may take some seconds."
        ),
        request=ApproveSerializer,
        responses={200: ProposalSerializer, **problems(400, 401, 403, 404, 409, 422, 503)},
    )
    def post(self, request: Request, proposal_id: UUID) -> Response:
        found, sent = self._asked_for(request, proposal_id)
        approve(actor=person(request), proposal=found, **sent)
        return Response(ProposalSerializer(shown_proposal(get_proposal(request.user, proposal_id))).data)

    def prepare(self, request: Request, **kwargs: Any) -> None:
        """Wait for the worker's word, which counts for some minutes; in a transaction no worker saw the question."""
        found, sent = self._asked_for(request, **kwargs)
        prepare_approval(actor=person(request), proposal=found, override_reason=sent["override_reason"])

    def _asked_for(self, request: Request, proposal_id: UUID) -> tuple[Proposal, dict[str, Any]]:
        sent = self.sent(ApproveSerializer, request.data)
        found = get_proposal(request.user, proposal_id)
        require_anywhere(request.user, Permission.PROMOTE)
        return found, sent


class DeclineProposal(ApiView):
    serializer_class = ProposalSerializer

    @extend_schema(
        operation_id="decline_proposal",
        summary="Turn a proposal down, or take one's own back",
        request=ReasonSerializer,
        responses={200: ProposalSerializer, **problems(400, 401, 403, 404, 409)},
    )
    def post(self, request: Request, proposal_id: UUID) -> Response:
        sent = self.sent(ReasonSerializer, request.data)
        found = get_proposal_to_decline(request.user, proposal_id)
        decline(actor=person(request), proposal=found, reason=sent["reason"])
        return Response(ProposalSerializer(shown_proposal(get_proposal(request.user, proposal_id))).data)


class Promotions(ApiView):
    serializer_class = PromotionRowSerializer
    paged = True

    @extend_schema(
        operation_id="list_promotions",
        summary="List what was put in force and when, newest first",
        responses={200: PromotionRowSerializer(many=True), **problems(400, 401, 403)},
    )
    def get(self, request: Request) -> Response:
        require_anywhere(request.user, Permission.VIEW_MODELS)
        return self.paged_response([shown_promotion(row) for row in self.page_of(promotions())])


class RollBack(ApiView):
    serializer_class = PromotionRowSerializer

    @extend_schema(
        operation_id="roll_back",
        summary="Put the version in force again that was before",
        description=(
            "Approvers, engineers and administrators. `expected` is the number of the version that comes back, as you "
            "saw it; if somebody decided meanwhile, nothing is changed. A worker loads it first, which may take some "
            "seconds."
        ),
        request=RollBackSerializer,
        responses={200: PromotionRowSerializer, **problems(400, 401, 403, 409, 422, 503)},
    )
    def post(self, request: Request) -> Response:
        sent = self._asked_for(request)
        done = roll_back(actor=person(request), reason=sent["reason"], expected=sent.get("expected"))
        return Response(PromotionRowSerializer(shown_promotion(promotions().get(pk=done.pk))).data)

    def prepare(self, request: Request, **kwargs: Any) -> None:
        """Wait for the worker's word, as for an approval."""
        prepare_roll_back(actor=person(request), expected=self._asked_for(request).get("expected"))

    def _asked_for(self, request: Request) -> dict[str, Any]:
        sent = self.sent(RollBackSerializer, request.data)
        require_anywhere(request.user, Permission.VIEW_MODELS)
        require_roll_back(request.user)
        return sent
