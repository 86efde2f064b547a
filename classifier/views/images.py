"""One image: its pixels, and the button that takes them away at once."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from classifier.access import get_image
from classifier.selectors import stored_png
from classifier.selectors.pictures import as_shown
from classifier.services.removal import hide_image
from mriplatform.accounts.roles import Permission
from mriplatform.pages import check_query, person, says_refusals, signed_in
from mriplatform.served import serve_png


@require_safe
@signed_in
@says_refusals
def image_pixels(request: HttpRequest, image_id: UUID) -> HttpResponse:
    """The stored PNG; with `?shown=1` as a screen shows it, for an `<img>`."""
    check_query(request, "shown")
    image = get_image(request.user, image_id)
    png, sha256 = stored_png(image), image.pixel_sha256
    if request.GET.get("shown") == "1":
        png, sha256 = as_shown(png, image), f"{sha256}-shown"
    return serve_png(request, png, sha256=sha256, name=str(image.pk))


@require_POST
@signed_in
@says_refusals
def image_hide(request: HttpRequest, image_id: UUID) -> HttpResponse:
    image = get_image(request.user, image_id, Permission.HIDE_IMAGES)
    hide_image(actor=person(request), image=image)
    messages.success(
        request, "The image is hidden from everybody. An administrator can remove the study for good."
    )
    return redirect("study", image.study_id)
