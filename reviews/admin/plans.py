"""Retraining plans in the admin."""

from typing import Any

from django.contrib import admin
from django.db.models.fields.related import ForeignKey
from django.forms import ChoiceField, ModelChoiceField, ModelForm
from django.http import HttpRequest

from mriplatform.accounts.roles import Permission
from mriplatform.accounts.scoped_admin import OwnCollectionsAdmin, OwnRowsFilter, staff_person
from mriplatform.accounts.selectors import collections_of, has_anywhere, is_reader_in
from reviews.forms import RECIPES
from reviews.models import RetrainingPlan
from reviews.services.retraining import set_plan

_RULES = ("every_labels", "every_hours", "recipe")


class PlanModelForm(ModelForm[RetrainingPlan]):
    recipe = ChoiceField(choices=RECIPES)


@admin.register(RetrainingPlan)
class RetrainingPlanAdmin(OwnCollectionsAdmin[RetrainingPlan]):
    """Adding one is setting a collection's plan; the versions before stay."""

    permission = Permission.DOWNLOAD_LABELS
    form = PlanModelForm
    list_display = ("collection", "version", *_RULES, "set_by", "created_at")
    list_filter = (("collection", OwnRowsFilter),)
    list_select_related = ("collection", "set_by")
    fields = ("collection", *_RULES)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return has_anywhere(request.user, Permission.TRAIN)

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        if db_field.name == "collection":
            found = collections_of(request.user, Permission.TRAIN)
            read = [row.pk for row in found if is_reader_in(request.user, row.pk)]
            kwargs["queryset"] = found.exclude(pk__in=read)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: RetrainingPlan, form: ModelForm[RetrainingPlan], change: bool
    ) -> None:
        rules: dict[str, Any] = {name: getattr(obj, name) for name in _RULES}
        plan = set_plan(actor=staff_person(request), collection=obj.collection, **rules)
        obj.pk, obj.version = plan.pk, plan.version
