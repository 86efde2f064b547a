"""`If-Match`: who changes what others may change too says which state of it they saw, so that no change is lost."""

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from classifier.exceptions import PlatformError

_CHARACTERS = 120


def if_match(of: str) -> OpenApiParameter:
    """How the description names the header."""
    sentence = f"The ETag of {of}, as you fetched it. `*` names none and does not do."
    return OpenApiParameter("If-Match", str, OpenApiParameter.HEADER, required=True, description=sentence)


def tag_seen(request: Request, of: str) -> str:
    """The tag in If-Match, bare.

    Raises:
        PlatformError: 428, there is none, or `*`, which would let every change through that is to be caught; 400,
            there are several: a change rests on one state.
    """
    given = (request.headers.get("If-Match") or "").strip()
    if given in ("", "*"):
        sentence = f"Send If-Match with the ETag of {of} as you fetched it, so that nobody's change is lost."
        raise PlatformError(sentence, code="if_match_missing", status=428)
    if "," in given:
        raise PlatformError("Send one ETag in If-Match.", code="several_etags", status=400)
    # A proxy that compresses marks the tag as weak, or ends it in the encoding's name; ours have no hyphen.
    return given.removeprefix("W/").strip('"').partition("-")[0][:_CHARACTERS]


def version_seen(request: Request, of: str) -> int:
    """The version in If-Match; one that nothing ever had where the tag is none of ours.

    Raises:
        PlatformError: as `tag_seen`.
    """
    tag = tag_seen(request, of)
    return int(tag) if tag.isascii() and tag.isdigit() and len(tag) < 10 else -1
