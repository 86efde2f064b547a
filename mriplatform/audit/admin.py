from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from mriplatform.audit.models import AuditEvent


class ReadOnlyAdmin[M: models.Model](admin.ModelAdmin[M]):
    """For ledgers and machine records: to be looked at, never written by hand."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin[AuditEvent]):
    list_display = ("at", "action", "actor", "object_type", "object_id")
    list_filter = ("action",)
    search_fields = ("object_id", "actor__username", "request_id")
    date_hierarchy = "at"
    list_select_related = ("actor",)
