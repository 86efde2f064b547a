"""Who may do what: one table. Everything that asks for a permission asks it."""

from enum import StrEnum

from django.db import models


class Role(models.TextChoices):
    UPLOADER = "uploader", "Uploader"
    INTAKE_REVIEWER = "intake_reviewer", "Intake reviewer"
    RADIOLOGIST = "radiologist", "Radiologist"
    ADJUDICATOR = "adjudicator", "Adjudicator"
    ML_ENGINEER = "ml_engineer", "Machine-learning engineer"
    APPROVER = "approver", "Approver"
    AUDITOR = "auditor", "Auditor"
    ADMIN = "admin", "Administrator"


class Permission(StrEnum):
    UPLOAD = "upload"
    REVIEW_INTAKE = "review_intake"
    VIEW_STUDIES = "view_studies"
    VIEW_PREDICTIONS = "view_predictions"
    RETRY_PREDICTIONS = "retry_predictions"
    ASK_VERSIONS = "ask_versions"
    HIDE_IMAGES = "hide_images"
    PURGE_STUDIES = "purge_studies"
    READ = "read"
    ADJUDICATE = "adjudicate"
    SET_PROTOCOL = "set_protocol"
    DOWNLOAD_LABELS = "download_labels"
    FREEZE_LABELS = "freeze_labels"
    VIEW_MODELS = "view_models"
    TRAIN = "train"
    PROMOTE = "promote"
    VIEW_AUDIT = "view_audit"
    MANAGE_MEMBERS = "manage_members"


P = Permission
ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.UPLOADER: frozenset({P.UPLOAD, P.VIEW_STUDIES, P.HIDE_IMAGES}),
    Role.INTAKE_REVIEWER: frozenset({P.VIEW_STUDIES, P.HIDE_IMAGES, P.REVIEW_INTAKE}),
    Role.RADIOLOGIST: frozenset({P.VIEW_STUDIES, P.HIDE_IMAGES, P.READ}),
    Role.ADJUDICATOR: frozenset({P.VIEW_STUDIES, P.HIDE_IMAGES, P.ADJUDICATE}),
    Role.ML_ENGINEER: frozenset(
        {P.VIEW_STUDIES, P.VIEW_PREDICTIONS, P.RETRY_PREDICTIONS, P.ASK_VERSIONS, P.DOWNLOAD_LABELS}
        | {P.FREEZE_LABELS, P.VIEW_MODELS, P.TRAIN, P.HIDE_IMAGES}
    ),
    Role.APPROVER: frozenset(
        {P.VIEW_STUDIES, P.VIEW_PREDICTIONS, P.DOWNLOAD_LABELS, P.VIEW_MODELS, P.PROMOTE}
    ),
    Role.AUDITOR: frozenset({P.VIEW_STUDIES, P.VIEW_MODELS, P.VIEW_AUDIT, P.DOWNLOAD_LABELS}),
    Role.ADMIN: frozenset(set(P) - {P.READ, P.ADJUDICATE}),
}

# Who reads a collection must not see the machine's answer there except through a reading, whatever else they hold.
READER_ROLES: frozenset[Role] = frozenset({Role.RADIOLOGIST, Role.ADJUDICATOR})

# What each role may do in the Django admin, as Django names permissions. Administrators are superusers there.
ADMIN_PERMISSIONS: dict[Role, frozenset[str]] = {
    Role.ML_ENGINEER: frozenset(
        {
            "accounts.view_collection",
            "classifier.view_study",
            "classifier.view_image",
            "classifier.view_prediction",
            "classifier.view_modelversion",
            "classifier.view_promotion",
            "classifier.view_proposal",
            "classifier.view_loadcheck",
            "classifier.view_evaluation",
            "classifier.view_gaterule",
            "classifier.view_gatedecision",
            "classifier.view_gaterequest",
            "classifier.view_trainingrun",
            "classifier.view_versionchoice",
            "classifier.view_shadow",
            "reviews.view_rescore",
            "reviews.view_labelset",
            "reviews.view_labelsetentry",
            "reviews.view_eligibilitypolicy",
            "reviews.view_importedlabel",
            "reviews.view_sentback",
            "reviews.view_retrainingplan",
        }
    ),
    Role.APPROVER: frozenset(
        {
            "classifier.view_modelversion",
            "classifier.view_promotion",
            "classifier.view_proposal",
            "classifier.view_loadcheck",
            "classifier.view_evaluation",
            "classifier.view_gaterule",
            "classifier.view_gatedecision",
            "classifier.view_gaterequest",
            "classifier.view_trainingrun",
            "classifier.view_versionchoice",
            "classifier.view_shadow",
            "reviews.view_rescore",
            "reviews.view_labelset",
        }
    ),
    Role.AUDITOR: frozenset(
        {
            "audit.view_auditevent",
            "classifier.view_modelversion",
            "classifier.view_promotion",
            "classifier.view_proposal",
            "classifier.view_loadcheck",
            "classifier.view_evaluation",
            "classifier.view_gaterule",
            "classifier.view_gatedecision",
            "classifier.view_gaterequest",
            "classifier.view_trainingrun",
            "classifier.view_versionchoice",
            "classifier.view_shadow",
            "reviews.view_rescore",
            "reviews.view_labelset",
            "reviews.view_reviewevent",
            "reviews.view_adjudication",
            "reviews.view_importedlabel",
            "reviews.view_sentback",
        }
    ),
}
