"""What the human reader's side tells the machine reader's: that a study is final, or no longer."""

from django.db import transaction
from django.db.models.functions import Now

from classifier.models import Study
from classifier.services.telling import tell_study_final
from mriplatform.audit.recording import record


@transaction.atomic
def set_finality(*, study: Study, final: bool) -> None:
    """Note that every image of the study has its final label (uploaders then see the answer), or takes it back."""
    changed = Study.objects.filter(pk=study.pk, finalised_at__isnull=final).update(
        finalised_at=Now() if final else None
    )
    if changed:
        action = "study.finalised" if final else "study.reopened"
        record(action=action, target=study, collection_id=study.collection_id)
        if final:
            tell_study_final(study)
