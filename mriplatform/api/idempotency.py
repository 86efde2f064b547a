"""A POST with an `Idempotency-Key` acts once, however often it is sent and however many arrive at the same moment.

The act and what it was answered are kept in one transaction: where a process dies in between there is neither, and the
same request may come again. Those that arrive meanwhile wait for that transaction, by the row that holds the key. A
refusal is not kept, since nothing was made: what was wrong may be mended and sent again under the same key.
"""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Final, Protocol
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models.functions import Now
from django.http import HttpResponse
from django.utils.crypto import salted_hmac
from django.utils.datastructures import MultiValueDict
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from classifier.exceptions import PlatformError, StateConflict
from mriplatform.accounts.models import ApiToken, IdempotentAnswer, User
from mriplatform.accounts.services import answer_lifetime
from mriplatform.api.problems import answer_to

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotency-Replayed"
LOCK_NOT_AVAILABLE: Final = "55P03"
_NONCE_BYTES: Final = 12


class StillAnswering(StateConflict):
    """The same request is being answered elsewhere, and takes longer than anybody waits."""

    code = "idempotency_key_in_use"
    retry_after = 5


class ActingView(Protocol):
    """What acts: a view whose `prepare` does what a POST waits for before it may act."""

    takes_keys: ClassVar[bool]

    def prepare(self, request: Request, **kwargs: Any) -> None: ...
    def get_renderer_context(self) -> dict[str, Any]: ...


def answered_once(
    view: ActingView, act: Callable[..., HttpResponse], request: Request, **kwargs: Any
) -> HttpResponse:
    """Prepare, then act; or what the same request was answered before.

    Raises:
        ValidationError: the key is no UUID.
        PlatformError: 422, the key was used for something else; 409, the same request is still being answered.
    """
    key = key_of(request) if view.takes_keys else None
    if key is None or not isinstance(request.user, User):
        view.prepare(request, **kwargs)
        return act(request, **kwargs)
    kept = _Kept(request.user, key, _fingerprint(request))
    try:
        if (earlier := kept.answer()) is not None:
            return earlier
        view.prepare(request, **kwargs)
    except Exception:
        # What cannot be done twice, the same request may have done a moment ago.
        if (earlier := kept.answer()) is not None:
            return earlier
        raise
    return _act(view, act, kept, request, kwargs)


def _act(
    view: ActingView,
    act: Callable[..., HttpResponse],
    kept: "_Kept",
    request: Request,
    kwargs: dict[str, Any],
) -> HttpResponse:
    refusal: Exception | None = None
    with transaction.atomic():
        if (earlier := kept.hold()) is not None:
            return earlier
        try:
            response = act(request, **kwargs)
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            if answer_to(error) is None:
                raise
            # What was written down about a refusal stays.
            refusal = error
        if refusal is not None or response.status_code >= 300:
            kept.forget()
        else:
            kept.keep(_rendered(view, request, response))
    if refusal is not None:
        raise refusal
    return response


class _Kept:
    """The row of one key of one user. The key itself is not in it: with the secret key it opens what was answered,
    which may be a secret that is shown once."""

    def __init__(self, user: User, key: UUID, fingerprint: str) -> None:
        self._user, self._fingerprint = user, fingerprint
        said = f"{user.pk} {key}"
        self._name = salted_hmac("idempotency.name", said, algorithm="sha256").hexdigest()
        self._seal = AESGCM(salted_hmac("idempotency.seal", said, algorithm="sha256").digest())

    def answer(self) -> HttpResponse | None:
        """What the key was answered with; None where it was not, or too long ago.

        Raises:
            PlatformError: the key was used for something else.
        """
        rows = IdempotentAnswer.objects.filter(user=self._user, key=self._name)
        row = rows.filter(created_at__gte=Now() - answer_lifetime()).first()
        return None if row is None else self._replayed(row)

    def hold(self) -> HttpResponse | None:
        """Take the key for the rest of the transaction; where another has it, its answer."""
        rows = IdempotentAnswer.objects.filter(user=self._user, key=self._name)
        try:
            _wait_at_most(settings.IDEMPOTENCY_WAIT_SECONDS)
            rows.filter(created_at__lt=Now() - answer_lifetime()).delete()
            self._row, made = rows.get_or_create(
                user=self._user, key=self._name, defaults={"fingerprint": self._fingerprint}
            )
            _wait_at_most(None)
        except OperationalError as error:
            if getattr(error.__cause__, "pgcode", "") == LOCK_NOT_AVAILABLE:
                raise StillAnswering("The same request is still being answered; ask again.") from error
            raise
        return None if made else self._replayed(self._row)

    def keep(self, response: HttpResponse) -> None:
        nonce = os.urandom(_NONCE_BYTES)
        self._row.status = response.status_code
        self._row.headers = dict(response.headers.items())
        self._row.body = nonce + self._seal.encrypt(nonce, response.content, None)
        self._row.save(update_fields=["status", "headers", "body"])

    def forget(self) -> None:
        self._row.delete()

    def _replayed(self, row: IdempotentAnswer) -> HttpResponse:
        if row.fingerprint != self._fingerprint:
            raise PlatformError(
                "This Idempotency-Key was used before with other content, or by another token. Use a new key for "
                "something new.",
                code="idempotency_key_reused",
            )
        sealed = bytes(row.body)
        body = self._seal.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], None)
        return HttpResponse(body, status=row.status, headers=row.headers | {REPLAYED: "true"})


def key_of(request: Request) -> UUID | None:
    """The key that came with a request, if one did.

    Raises:
        ValidationError: it is no UUID.
    """
    given = request.headers.get(HEADER)
    if given is None:
        return None
    try:
        return UUID(given)
    except ValueError as error:
        raise ValidationError({HEADER: ["This header must be a UUID."]}) from error


def _wait_at_most(seconds: int | None) -> None:
    """How long a statement of this transaction waits for a lock; None for what is usual."""
    limit = "DEFAULT" if seconds is None else f"'{int(seconds)}s'"
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout TO {limit}")


def _rendered(view: ActingView, request: Request, response: HttpResponse) -> HttpResponse:
    """The answer with its bytes, as the framework would have made them later.

    Raises:
        TypeError: it is a stream; a POST must not answer with one.
    """
    if response.streaming:
        raise TypeError("A POST must not answer with a stream: it could not be given again.")
    if isinstance(response, Response) and not response.is_rendered:
        response.accepted_renderer = request.accepted_renderer
        response.accepted_media_type = request.accepted_media_type or ""
        response.renderer_context = view.get_renderer_context()  # type: ignore[attr-defined]  # set by the framework too
        response.render()
    return response


def _fingerprint(request: Request) -> str:
    """A keyed hash of what is asked for, and by which token: method, address, fields and the bytes of files, never
    their names. What one token was answered may be more than another may ask for: a token that does all, for one."""
    token = request.auth.digest if isinstance(request.auth, ApiToken) else ""
    address = f"{request.method} {request.get_full_path()} {token}"
    print_ = salted_hmac("idempotency.fingerprint", address, algorithm="sha256")
    for piece in _pieces(request.data):
        # With its length, so that what follows cannot pass for a part of it.
        print_.update(f"{len(piece)}:".encode() + piece)
    return str(print_.hexdigest())


def _pieces(data: Any) -> Iterator[bytes]:
    if isinstance(data, MultiValueDict):
        for name in sorted(data):
            yield str(name).encode("utf-8", "surrogatepass")
            for value in data.getlist(name):
                yield _bytes(value)
    else:
        yield json.dumps(data, sort_keys=True, default=repr).encode("utf-8", "surrogatepass")


def _bytes(value: Any) -> bytes:
    if not isinstance(value, UploadedFile):
        return str(value).encode("utf-8", "surrogatepass")
    content: bytes = value.read()
    value.seek(0)
    return content
