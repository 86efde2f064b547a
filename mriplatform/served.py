"""How stored bytes go out: never sniffed, never shared, and not again where the browser has them."""

import hashlib

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags

# A copy is kept, but each use of it is asked for first: an image may be hidden at any moment, and then from everybody.
CACHING = "private, no-cache"


def serve_png(request: HttpRequest, data: bytes, *, sha256: str, name: str) -> HttpResponse:
    """A PNG that never changes under its address; whether the person may see it is settled before.

    Args:
        data: the file.
        sha256: stands for the content; becomes the ETag.
        name: of the file, without its ending, should it be saved.
    """
    return serve_file(
        request, data, sha256=sha256, content_type="image/png", disposition=f'inline; filename="{name}.png"'
    )


def serve_dicom(request: HttpRequest, data: bytes, *, name: str) -> HttpResponse:
    """A DICOM file as an attachment, `name`.dcm; whether the person may have it is settled before."""
    return serve_file(
        request, data, sha256=hashlib.sha256(data).hexdigest(), content_type="application/dicom",
        disposition=f'attachment; filename="{name}.dcm"',
    )  # fmt: skip


def serve_file(
    request: HttpRequest, data: bytes, *, sha256: str, content_type: str, disposition: str
) -> HttpResponse:
    """A file whose content `sha256` stands for, or 304 where the browser has it."""
    etag = f'"{sha256}"'
    known = parse_etags(request.headers.get("If-None-Match", ""))
    if "*" in known or etag in [tag.removeprefix("W/") for tag in known]:
        response = HttpResponse(status=304)
    else:
        response = HttpResponse(data, content_type=content_type)
        response["Content-Disposition"] = disposition
    response["ETag"] = etag
    response["Cache-Control"] = CACHING
    response["X-Content-Type-Options"] = "nosniff"
    patch_vary_headers(response, ["Cookie", "Authorization"])
    return response
