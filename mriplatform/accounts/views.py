"""A person's own account: their roles, their tokens, their theme and keys."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST, require_safe

from mriplatform.accounts.forms import TokenForm
from mriplatform.accounts.models import ApiToken, User
from mriplatform.accounts.selectors import memberships_of
from mriplatform.accounts.services import make_token, revoke_token


@require_safe
@login_required
@never_cache
def account(request: HttpRequest) -> HttpResponse:
    return _page(request, TokenForm())


@require_POST
@login_required
@never_cache
@sensitive_variables("token")
def token_make(request: HttpRequest) -> HttpResponse:
    """Make a token and show it, this once: it stands in this one answer and nowhere else."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=400)
    name, days = form.cleaned_data["name"], form.cleaned_data["days"]
    scopes = form.cleaned_data["scopes"]
    _, token = make_token(user=_person(request), name=name, days=days, scopes=scopes)
    return _page(request, TokenForm(), token=token, token_name=name, token_scopes=", ".join(scopes))


@require_POST
@login_required
def token_revoke(request: HttpRequest) -> HttpResponse:
    if revoke_token(user=_person(request), digest=request.POST.get("token", "")):
        messages.success(request, "The token is revoked. Whatever used it is now turned away.")
    else:
        messages.warning(request, "There is no such token of yours; it may have been revoked before.")
    return redirect("account")


def _person(request: HttpRequest) -> User:
    """The signed-in user: the views above let nobody else through."""
    if not isinstance(request.user, User):
        raise TypeError("This view needs login_required.")
    return request.user


def _page(request: HttpRequest, form: TokenForm, *, status: int = 200, **shown: str) -> HttpResponse:
    user = _person(request)
    context = {
        "form": form,
        "tokens": ApiToken.objects.filter(user=user),
        "memberships": memberships_of(user),
    }
    return render(request, "accounts/account.html", context | shown, status=status)
