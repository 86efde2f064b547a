"""The images of a label set, taken away as a table."""

from uuid import UUID

from django.http import HttpRequest, StreamingHttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from mriplatform.audit.recording import record
from mriplatform.pages import check_query, person, signed_in
from mriplatform.tables import serve_table, table
from reviews.access import get_label_set
from reviews.selectors.entry_table import ENTRY_COLUMNS, entry_rows
from reviews.views.label_set_tables import narrowed_from


@require_safe
@signed_in
@never_cache
def entries_download(request: HttpRequest, label_set_id: UUID, form: str) -> StreamingHttpResponse:
    check_query(request, "split", "label", "reason")
    found = get_label_set(request.user, label_set_id)
    narrowing = narrowed_from(request.GET)
    record(
        action="label_set.entries_downloaded", actor=person(request), target=found,
        collection_id=found.collection_id, form=form,
    )  # fmt: skip
    pieces = table(form, ENTRY_COLUMNS, entry_rows(found, narrowing))
    return serve_table(pieces, form=form, name=f"label-set-{found.number}")
