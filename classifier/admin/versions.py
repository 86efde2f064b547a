"""Model versions in the admin: figures, which is in force, which reads for a collection, proposing and going back."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import ActionLocation
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from classifier.access import may_ask_the_gate, may_roll_back, require_roll_back
from classifier.admin.gate import have_judged
from classifier.admin.person import staff_person
from classifier.admin.promotions import confirm, decide, entered
from classifier.models import Evaluation, ModelVersion, Promotion, VersionChoice
from classifier.selectors import version_before
from classifier.selectors.proposals import open_proposals
from classifier.services.promotion import propose, roll_back
from mriplatform.accounts.access import require_anywhere
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.scoped_admin import OwnCollectionsAdmin, OwnRowsFilter
from mriplatform.accounts.selectors import has_anywhere
from mriplatform.audit.admin import ReadOnlyAdmin


def _number(request: HttpRequest, name: str) -> int | None:
    """A number of a form; None where it holds none."""
    text = request.POST.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 10 else None


@admin.register(Evaluation)
class EvaluationAdmin(ReadOnlyAdmin[Evaluation]):
    list_display = ("model_version", "part", "accuracy", "created_at")
    list_filter = ("part",)
    list_select_related = ("model_version",)

    @admin.display(description="accuracy")
    def accuracy(self, evaluation: Evaluation) -> str:
        return f"{evaluation.figures['accuracy']:.3f}"


@admin.register(VersionChoice)
class VersionChoiceAdmin(OwnCollectionsAdmin[VersionChoice]):
    permission = Permission.VIEW_MODELS
    list_display = ("collection", "reads", "chosen_by", "at", "reason", "decide")
    list_filter = (("collection", OwnRowsFilter),)
    list_select_related = ("collection", "model_version", "chosen_by")

    @admin.display(description="reads from then on", ordering="model_version")
    def reads(self, choice: VersionChoice) -> str:
        return str(choice.model_version or "What is in force")

    @admin.display(description="")
    def decide(self, choice: VersionChoice) -> str:
        return format_html(
            '<a href="{}">Now…</a>', reverse("collection-version", args=[choice.collection_id])
        )


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin[ModelVersion]):
    list_display = (
        "number",
        "name",
        "in_force",
        "overridden",
        "figures",
        "training_run",
        "created_at",
        "next_step",
    )
    list_display_links = ("number", "name")
    list_select_related = ("training_run",)
    # A checkpoint has no address to be fetched from; its hash says which one it is.
    exclude = ("checkpoint",)
    actions = ("judge",)
    change_list_template = "admin/classifier/modelversion/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                "<uuid:pk>/propose/", self.admin_site.admin_view(self.propose_view),
                name="classifier_modelversion_propose",
            ),
            path(
                "roll-back/", self.admin_site.admin_view(self.roll_back_view),
                name="classifier_modelversion_roll_back",
            ),
        ]  # fmt: skip
        return own + super().get_urls()

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        newest = Promotion.objects.order_by("-sequence").values("model_version_id")[:1]
        proposed = open_proposals().filter(version=OuterRef("pk")).order_by().values("pk")[:1]
        overridden = Promotion.objects.filter(model_version=OuterRef("pk")).exclude(override_reason="")
        return (
            super()
            .get_queryset(request)
            .annotate(
                in_force_id=Subquery(newest),
                proposal_id=Subquery(proposed),
                was_overridden=Exists(overridden),
            )
            .prefetch_related("evaluations")
        )

    def get_list_display(self, request: HttpRequest) -> Any:
        shown = list(super().get_list_display(request))
        acts = has_anywhere(request.user, Permission.PROMOTE) or has_anywhere(request.user, Permission.TRAIN)
        return shown if acts else shown[:-1]

    def get_actions(
        self, request: HttpRequest, action_location: ActionLocation = ActionLocation.CHANGE_LIST
    ) -> dict[str, Any]:
        actions = super().get_actions(request, action_location)
        if not may_ask_the_gate(request.user):
            actions.pop("judge", None)
        return actions

    @admin.action(description="Judge beside what is in force")
    def judge(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> None:
        have_judged(self, request, queryset)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = (extra_context or {}) | {"may_roll_back": may_roll_back(request.user)}
        return super().changelist_view(request, context)

    @admin.display(boolean=True)
    def in_force(self, version: Any) -> bool:
        return bool(version.in_force_id == version.pk)

    @admin.display(description="override")
    def overridden(self, version: Any) -> str:
        return "Against the gate" if version.was_overridden else ""

    @admin.display(description="accuracy on its reference part")
    def figures(self, version: ModelVersion) -> str:
        evaluations = version.evaluations.all()
        return f"{evaluations[0].figures['accuracy']:.3f}" if evaluations else "not measured"

    @admin.display(description="")
    def next_step(self, version: Any) -> str:
        if self.in_force(version):
            return ""
        name, words = ("classifier_proposal_decide", "Decide…") if version.proposal_id else (
            "classifier_modelversion_propose", "Propose…"
        )  # fmt: skip
        address = reverse(f"admin:{name}", args=[version.proposal_id or version.pk])
        return format_html('<a href="{}">{}</a>', address, words)

    def propose_view(self, request: HttpRequest, pk: Any) -> HttpResponse:
        require_anywhere(request.user, Permission.TRAIN)
        version = get_object_or_404(ModelVersion, pk=pk)
        if request.method == "POST":
            return decide(
                self,
                request,
                lambda: propose(
                    actor=staff_person(request), version=version, reason=entered(request, "reason")
                ),
                "Version {0.version.number} is proposed; somebody else decides.",
            )
        return confirm(self, request, f"Propose version {version.number}", version, gate_matters=True)

    def roll_back_view(self, request: HttpRequest) -> HttpResponse:
        require_roll_back(request.user)
        if request.method == "POST":
            return decide(
                self,
                request,
                lambda: roll_back(
                    actor=staff_person(request),
                    reason=entered(request, "reason"),
                    expected=_number(request, "version"),
                ),
                "{0.model_version} is in force; the next image is read by it.",
            )
        before = version_before()
        if before is None:
            self.message_user(request, "There is no earlier version to go back to.", messages.ERROR)
            return HttpResponseRedirect(reverse("admin:classifier_modelversion_changelist"))
        return confirm(self, request, f"Roll back to version {before.number}", before, asks_worker=True)
