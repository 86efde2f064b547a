"""What in a description of the API breaks a program that was written against an earlier one.

What is sent must not have to say more, or be allowed to say less; what is answered must not hold less, or other things.
New addresses, new optional fields, new words in an answer and new refusals break nothing.
"""

from collections.abc import Iterator
from typing import Any

type Description = dict[str, Any]

METHODS = ("get", "put", "post", "patch", "delete")
# Of a bound: whether a larger number lets less through.
BOUNDS = {
    "minimum": True, "minLength": True, "minItems": True, "maximum": False, "maxLength": False, "maxItems": False,
}  # fmt: skip


def breaks(before: Description, after: Description) -> list[str]:
    """What breaks, in sentences; nothing where nothing does."""
    return list(Comparison(before, after).breaks())


class Comparison:
    def __init__(self, before: Description, after: Description) -> None:
        self._before, self._after = before, after
        # A component that holds itself is compared once on the way down.
        self._on_the_way: set[tuple[str, str, bool]] = set()

    def breaks(self) -> Iterator[str]:
        for path, methods in self._before["paths"].items():
            if path not in self._after["paths"]:
                yield f"{path} is gone"
                continue
            for method in METHODS:
                if method in methods:
                    now = self._after["paths"][path].get(method)
                    at = f"{method.upper()} {path}"
                    yield from self._operation(at, methods[method], now) if now else [f"{at} is gone"]

    def _operation(self, at: str, old: Description, new: Description) -> Iterator[str]:
        if old["operationId"] != new["operationId"]:
            yield f"{at}: the operation is called otherwise, and so is the function of a generated client"
        if len(new.get("security", [])) < len(old.get("security", [])):
            yield f"{at}: a way to sign in is gone"
        yield from self._parameters(at, old, new)
        yield from self._request(at, old.get("requestBody"), new.get("requestBody"))
        for status, response in old["responses"].items():
            if not status.startswith("2"):
                continue
            if status not in new["responses"]:
                yield f"{at}: the answer {status} is gone"
                continue
            yield from self._answer(f"{at} {status}", response, new["responses"][status])

    def _parameters(self, at: str, old: Description, new: Description) -> Iterator[str]:
        known = {(one["in"], one["name"]): one for one in old.get("parameters", [])}
        now = {(one["in"], one["name"]): one for one in new.get("parameters", [])}
        for name, one in now.items():
            if one.get("required") and not known.get(name, {}).get("required"):
                yield f"{at}: the parameter {name[1]} must be sent now"
        for name, one in known.items():
            if name not in now:
                yield f"{at}: the parameter {name[1]} is gone"
            else:
                yield from self._value(f"{at}: {name[1]}", one["schema"], now[name]["schema"], sent=True)

    def _request(self, at: str, old: Description | None, new: Description | None) -> Iterator[str]:
        if old is None:
            if new is not None and new.get("required"):
                yield f"{at}: a body must be sent now"
            return
        if new is None:
            yield f"{at}: no body is taken any more"
            return
        if new.get("required") and not old.get("required"):
            yield f"{at}: a body must be sent now"
        yield from self._contents(f"{at}: the body", old, new, sent=True)

    def _answer(self, at: str, old: Description, new: Description) -> Iterator[str]:
        for header in old.get("headers", {}):
            if header not in new.get("headers", {}):
                yield f"{at}: the header {header} is gone"
        yield from self._contents(f"{at}: the answer", old, new, sent=False)

    def _contents(self, at: str, old: Description, new: Description, *, sent: bool) -> Iterator[str]:
        for media_type, content in old.get("content", {}).items():
            if media_type not in new.get("content", {}):
                yield f"{at} as {media_type} is gone"
            elif "schema" in content:
                yield from self._value(at, content["schema"], new["content"][media_type]["schema"], sent=sent)

    def _value(self, at: str, old: Description, new: Description, *, sent: bool) -> Iterator[str]:
        pair = (old.get("$ref", ""), new.get("$ref", ""), sent)
        if pair[0] and pair in self._on_the_way:
            return
        self._on_the_way.add(pair)
        yield from self._plain(at, resolved(self._before, old), resolved(self._after, new), sent=sent)
        self._on_the_way.discard(pair)

    def _plain(self, at: str, old: Description, new: Description, *, sent: bool) -> Iterator[str]:
        if old.get("type") != new.get("type") or old.get("format") != new.get("format"):
            widened = sent and (old.get("type"), new.get("type")) == ("integer", "number")
            if not widened and (new.get("type") or not sent):
                yield f"{at} is {_kind(new)} now, and was {_kind(old)}"
                return
        if bool(old.get("nullable")) != bool(new.get("nullable")) and bool(new.get("nullable")) != sent:
            yield f"{at} {'may not be null any more' if sent else 'may be null now'}"
        if sent:
            yield from self._narrower(at, old, new)
        yield from self._fields(at, old, new, sent=sent)
        for inner in ("items", "additionalProperties"):
            if isinstance(old.get(inner), dict) and isinstance(new.get(inner), dict):
                yield from self._value(f"{at}[]", old[inner], new[inner], sent=sent)

    def _narrower(self, at: str, old: Description, new: Description) -> Iterator[str]:
        if "enum" in new:
            gone = set(old.get("enum", [])) - set(new["enum"])
            if gone or "enum" not in old:
                yield f"{at} does not take every word any more: {', '.join(map(str, sorted(map(str, gone))))}"
        for bound, larger_is_narrower in BOUNDS.items():
            was, now = old.get(bound), new.get(bound)
            if now is not None and (was is None or (now > was if larger_is_narrower else now < was)):
                yield f"{at} has a narrower {bound}"
        if new.get("pattern") and new.get("pattern") != old.get("pattern"):
            yield f"{at} has another pattern"

    def _fields(self, at: str, old: Description, new: Description, *, sent: bool) -> Iterator[str]:
        known, now = old.get("properties", {}), new.get("properties", {})
        must, must_now = set(old.get("required", [])), set(new.get("required", []))
        for name, field in known.items():
            if name not in now:
                yield f"{at}.{name} is gone"
            else:
                yield from self._value(f"{at}.{name}", field, now[name], sent=sent)
        if sent:
            yield from (f"{at}.{name} must be sent now" for name in sorted(must_now - must))
        else:
            yield from (f"{at}.{name} may be missing now" for name in sorted((must - must_now) & set(now)))


def resolved(description: Description, schema: Description) -> Description:
    """A schema without its references, as far as its own kind goes: what stands beside one counts too."""
    for several in ("allOf", "oneOf", "anyOf"):
        if several in schema:
            whole: Description = {}
            words: list[Any] = []
            for part in schema[several]:
                plain = resolved(description, part)
                words += plain.get("enum", [])
                whole |= plain
            beside = {name: value for name, value in schema.items() if name != several}
            return whole | ({"enum": words} if words else {}) | beside
    if "$ref" not in schema:
        return schema
    *_, kind, name = schema["$ref"].split("/")
    return resolved(description, description["components"][kind][name])


def _kind(schema: Description) -> str:
    return " ".join(filter(None, [schema.get("type", "anything"), schema.get("format")]))
