"""The stock Django admin, under the platform's name."""

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig


class PlatformAdminSite(admin.AdminSite):
    site_header = "MRI review"
    site_title = "MRI review"
    index_title = "Administration"
    site_url = "/"


class PlatformAdminConfig(AdminConfig):
    default_site = "mriplatform.admin_site.PlatformAdminSite"
