from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.forms import BaseInlineFormSet
from django.http import HttpRequest

from mriplatform.accounts.models import Collection, Membership, User
from mriplatform.accounts.roles import Permission
from mriplatform.accounts.selectors import collections_of
from mriplatform.audit.admin import ReadOnlyAdmin
from mriplatform.audit.models import AuditEvent
from mriplatform.audit.recording import record

admin.site.unregister(Group)


def _staff(request: HttpRequest) -> User:
    """The signed-in person; the admin lets nobody else this far."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


class NamedFields(BaseInlineFormSet[Membership, Collection, Any]):
    """Rows of a table whose fields have a name each: the column's head is none to a screen reader."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        for name, field in form.fields.items():
            attributes = {"aria-label": str(field.label or name).capitalize()}
            # What chooses another row is wrapped in links to it; the name belongs to what is within.
            getattr(field.widget, "widget", field.widget).attrs |= attributes


class MembershipInline(admin.TabularInline[Membership, Collection]):
    model = Membership
    formset = NamedFields
    extra = 1


@admin.register(User)
class PlatformUserAdmin(UserAdmin[User]):
    """People. What they may do follows from their roles in collections, so neither groups nor permissions are set."""

    list_display = ("username", "first_name", "last_name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Access", {"fields": ("is_active", "is_staff", "is_superuser")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )


@admin.register(Collection)
class CollectionAdmin(admin.ModelAdmin[Collection]):
    list_display = ("name", "created_at")
    search_fields = ("name",)
    inlines = (MembershipInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Collection]:
        """One's own, as everywhere else: names tell, too. All of them for a superuser."""
        found = super().get_queryset(request)
        return found if request.user.is_superuser else found.filter(pk__in=collections_of(request.user))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Save the members, and leave the trace that `grant_role` leaves: who holds which role is never silent."""
        super().save_formset(request, form, formset, change)
        changes = [("membership.granted", row) for row in formset.new_objects]
        changes += [("membership.changed", row) for row, _ in formset.changed_objects]
        changes += [("membership.revoked", row) for row in formset.deleted_objects]
        for action, row in changes:
            record(
                action=action, actor=_staff(request), target=form.instance, collection_id=form.instance.pk,
                user=str(row.user_id), role=row.role, seniority=row.seniority,
            )  # fmt: skip


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin[AuditEvent]):
    """The trace of the collections that one audits, and of the platform itself; all of it for a superuser.

    What people make for themselves, tokens and webhooks, belongs to no collection: it is shown to who audits one of
    theirs.
    """

    list_display = ("at", "action", "actor", "object_type", "object_id")
    list_filter = ("action",)
    search_fields = ("object_id", "actor__username", "request_id")
    date_hierarchy = "at"
    list_select_related = ("actor",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        events = super().get_queryset(request)
        if request.user.is_superuser:
            return events
        own = collections_of(request.user, Permission.VIEW_AUDIT).values("pk")
        theirs = Membership.objects.filter(collection__in=own).values("user")
        of_a_person = Q(action__startswith="token") | Q(action__startswith="webhook.")
        of_all = Q(collection_id=None) & (~of_a_person | Q(actor__in=theirs))
        return events.filter(Q(collection_id__in=own) | of_all)
