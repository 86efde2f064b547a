from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "mriplatform.audit"
    label = "audit"

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from mriplatform.audit.grants import grant_runtime_role

        post_migrate.connect(grant_runtime_role, dispatch_uid="audit.grant_runtime_role")
