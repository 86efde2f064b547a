"""Versions in the shadow and passes over a backlog in the admin: begun, ended and held, each after a confirmation."""

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from classifier.access import get_collection_to_choose, get_version
from classifier.exceptions import PlatformError
from classifier.models import Shadow
from classifier.selectors import model_versions, reading_versions
from classifier.services.shadow import end_shadow, start_shadow
from mriplatform.accounts.models import Collection
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.scoped_admin import OwnCollectionsAdmin, OwnRowsFilter, staff_person
from mriplatform.accounts.selectors import collections_of, has_anywhere, permissions_in
from reviews.access import get_rescore, get_shadow
from reviews.models import Rescore
from reviews.selectors.rescoring import backlog, progress_of
from reviews.services.rescoring import cancel_rescore, pause_rescore, resume_rescore, start_rescore

TRAIN = Permission.TRAIN


class MachineAdmin[M: Shadow | Rescore](OwnCollectionsAdmin[M]):
    """Rows that are begun by one confirmed act and changed by others.

    Attributes:
        acts: by the name in its address: what it is called, what it means, and what does it.
    """

    permission = Permission.VIEW_MODELS
    change_list_template = "admin/reviews/machine/change_list.html"
    change_form_template = "admin/reviews/machine/change_form.html"
    acts: ClassVar[dict[str, tuple[str, str, Callable[..., Any]]]] = {}
    start_title: ClassVar[str] = ""

    def get_urls(self) -> list[URLPattern]:
        name, view = self._name(), self.admin_site.admin_view
        own = [path("start/", view(self.start_view), name=f"{name}_start")]
        own += [
            path("<uuid:pk>/<slug:act>/confirm/", view(self.act_view), name=f"{name}_act"),
        ]
        return own + super().get_urls()

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        start = {"title": self.start_title, "url": reverse(f"admin:{self._name()}_start")}
        context = {"start": start if has_anywhere(request.user, TRAIN) else None}
        return super().changelist_view(request, (extra_context or {}) | context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        may = row is not None and TRAIN in permissions_in(request.user, row.collection_id)
        possible = self.possible(row) if row is not None and may else []
        offered = [
            {
                "title": self.acts[act][0],
                "url": reverse(f"admin:{self._name()}_act", args=[object_id, act]),
            }
            for act in possible
        ]
        return super().change_view(request, object_id, form_url, (extra_context or {}) | {"acts": offered})

    def start_view(self, request: HttpRequest) -> HttpResponse:
        """Choose, say why, and begin."""
        if request.method != "POST":
            if not has_anywhere(request.user, TRAIN):
                raise Http404
            return self._page(request, "start", self.start_title, **self.choices(request))
        try:
            collection = get_collection_to_choose(request.user, _uuid(request, "collection"), TRAIN)
            row = self.start(request, collection)
        except PlatformError as refusal:
            self.message_user(request, refusal.sentence, messages.ERROR)
            return HttpResponseRedirect(reverse(f"admin:{self._name()}_start"))
        self.message_user(request, f"{row}: begun.")
        return HttpResponseRedirect(reverse(f"admin:{self._name()}_change", args=[row.pk]))

    def act_view(self, request: HttpRequest, pk: UUID, act: str) -> HttpResponse:
        """Say what an act means, and do it once that is confirmed."""
        if act not in self.acts:
            raise Http404
        row, (title, about, do) = self.found(request, pk), self.acts[act]
        if request.method != "POST":
            return self._page(request, "confirm", title, row=row, about=about)
        try:
            do(actor=staff_person(request), **{self.model._meta.model_name or "": row})
            self.message_user(request, f"{row}: {title.lower()}.")
        except PlatformError as refusal:
            self.message_user(request, refusal.sentence, messages.ERROR)
        return HttpResponseRedirect(reverse(f"admin:{self._name()}_change", args=[pk]))

    def possible(self, row: Any) -> list[str]:
        """The acts that a row's state allows."""
        raise NotImplementedError

    def choices(self, request: HttpRequest) -> dict[str, Any]:
        """What the page to begin offers."""
        raise NotImplementedError

    def start(self, request: HttpRequest, collection: Collection) -> Any:
        raise NotImplementedError

    def found(self, request: HttpRequest, pk: UUID) -> Any:
        raise NotImplementedError

    def _name(self) -> str:
        return f"{self.model._meta.app_label}_{self.model._meta.model_name}"

    def _page(self, request: HttpRequest, name: str, title: str, **more: Any) -> HttpResponse:
        context = self.admin_site.each_context(request) | {"title": title, "opts": self.model._meta} | more
        return TemplateResponse(request, f"admin/reviews/machine/{name}.html", context)


@admin.register(Shadow)
class ShadowAdmin(MachineAdmin[Shadow]):
    list_display = ("model_version", "collection", "started_by", "started_at", "ended_at", "reason")
    list_filter = (("collection", OwnRowsFilter),)
    list_select_related = ("model_version", "collection", "started_by")
    readonly_fields = ("figures",)
    start_title = "Put a version in the shadow…"
    acts: ClassVar[dict[str, tuple[str, str, Callable[..., Any]]]] = {
        "end": (
            "End the shadow",
            "The version is asked about no image that comes from now on. What came in its time is still answered.",
            end_shadow,
        )
    }

    @admin.display(description="beside the answer")
    def figures(self, shadow: Shadow) -> str:
        return format_html('<a href="{}">Figures</a>', reverse("shadows", args=[shadow.collection_id]))

    def possible(self, row: Shadow) -> list[str]:
        return [] if row.ended_at else ["end"]

    def choices(self, request: HttpRequest) -> dict[str, Any]:
        return {
            "collections": collections_of(request.user, TRAIN),
            "versions": model_versions().defer("metadata"),
            "about": "The version answers, unseen, what comes into the collection from now on.",
        }

    def start(self, request: HttpRequest, collection: Collection) -> Shadow:
        version = get_version(request.user, _uuid(request, "version"))
        return start_shadow(
            actor=staff_person(request), version=version, collection=collection, reason=_text(request)
        )

    def found(self, request: HttpRequest, pk: UUID) -> Shadow:
        return get_shadow(request.user, pk, TRAIN)


@admin.register(Rescore)
class RescoreAdmin(MachineAdmin[Rescore]):
    list_display = ("collection", "model_version", "status", "asked", "replaced", "started_by", "created_at")
    list_filter = ("status", ("collection", OwnRowsFilter))
    list_select_related = ("model_version", "collection", "started_by")
    readonly_fields = ("progress",)
    start_title = "Read a backlog again…"
    acts: ClassVar[dict[str, tuple[str, str, Callable[..., Any]]]] = {
        "pause": ("Pause the pass", "It asks about no further image until it goes on.", pause_rescore),
        "resume": (
            "Go on with the pass",
            "It goes on after the image that it asked about last.",
            resume_rescore,
        ),
        "cancel": ("Cancel the pass", "Answers that it replaced stay; it replaces no other.", cancel_rescore),
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rescore]:
        return super().get_queryset(request).select_related("model_version")

    @admin.display(description="progress")
    def progress(self, rescore: Rescore) -> str:
        found = progress_of(rescore)
        page = reverse("rescores", args=[rescore.collection_id])
        words = f"{found.in_line} in line, {found.left} to ask about, {found.failed} could not be read"
        return format_html('{} · <a href="{}">Watch</a>', words, page)

    def possible(self, row: Rescore) -> list[str]:
        return {"running": ["pause", "cancel"], "paused": ["resume", "cancel"]}.get(row.status, [])

    def choices(self, request: HttpRequest) -> dict[str, Any]:
        collections = collections_of(request.user, TRAIN)
        reads = reading_versions(collection.pk for collection in collections)
        return {
            "rated": True,
            "about": "The version that reads in the collection answers again what nobody has begun to read.",
            "collections": [
                {
                    "pk": one.pk,
                    "name": f"{one.name}: {backlog(one, version).count()} images, version {version.number}",
                }
                for one in collections
                if (version := reads[one.pk]) is not None
            ],
        }

    def start(self, request: HttpRequest, collection: Collection) -> Rescore:
        version = reading_versions([collection.pk])[collection.pk]
        if version is None:
            raise PlatformError("No version reads here yet.", code="no_version", status=409)
        rate = request.POST.get("per_minute", "")
        return start_rescore(
            actor=staff_person(request), collection=collection, version=version, reason=_text(request),
            per_minute=int(rate) if rate.isdecimal() and len(rate) < 10 else 0,
        )  # fmt: skip

    def found(self, request: HttpRequest, pk: UUID) -> Rescore:
        return get_rescore(request.user, pk, TRAIN)


def _uuid(request: HttpRequest, name: str) -> UUID:
    try:
        return UUID(request.POST.get(name, ""))
    except ValueError as error:
        raise Http404 from error


def _text(request: HttpRequest) -> str:
    """The reason, without the one character that Postgres takes in no text."""
    return request.POST.get("reason", "").replace("\0", "")
