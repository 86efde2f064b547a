"""How stored bytes go out: never sniffed, never shared, and not again where the browser has them."""

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
    etag = f'"{sha256}"'
    known = parse_etags(request.headers.get("If-None-Match", ""))
    if "*" in known or etag in [tag.removeprefix("W/") for tag in known]:
        response = HttpResponse(status=304)
    else:
        response = HttpResponse(data, content_type="image/png")
        response["Content-Disposition"] = f'inline; filename="{name}.png"'
    response["ETag"] = etag
    response["Cache-Control"] = CACHING
    response["X-Content-Type-Options"] = "nosniff"
    patch_vary_headers(response, ["Cookie", "Authorization"])
    return response
