from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group

from mriplatform.accounts.models import Collection, Membership, User

admin.site.unregister(Group)


class MembershipInline(admin.TabularInline[Membership, Collection]):
    model = Membership
    extra = 1
    autocomplete_fields = ("user",)


@admin.register(User)
class PlatformUserAdmin(UserAdmin[User]):
    list_display = ("username", "first_name", "last_name", "is_active", "is_staff", "last_login")


@admin.register(Collection)
class CollectionAdmin(admin.ModelAdmin[Collection]):
    list_display = ("name", "created_at")
    search_fields = ("name",)
    inlines = (MembershipInline,)
