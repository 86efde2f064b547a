"""Which version of a rule the caller saw before they changed it."""

from rest_framework.request import Request

from reviews.exceptions import ReviewRefused


def version_seen(request: Request, of: str) -> int:
    """The version in If-Match; one that nothing ever had where the tag is not one of ours."""
    if_match: str | None = request.headers.get("If-Match")
    if if_match is None:
        sentence = f"Send If-Match with the ETag of the {of} in force, so that nobody's change is lost."
        raise ReviewRefused(sentence, code="if_match_missing", status=428)
    # A proxy that compresses marks the tag as weak, or ends it in the encoding's name.
    tag = if_match.strip().removeprefix("W/").strip('"').partition("-")[0]
    return int(tag) if tag.isascii() and tag.isdigit() and len(tag) < 10 else -1
