from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.urls import path, reverse_lazy

from mriplatform.accounts import views

FORM = ["get", "head", "post", "options"]

urlpatterns = [
    path("login", LoginView.as_view(http_method_names=FORM), name="login"),
    path("logout", LogoutView.as_view(), name="logout"),
    path("account", views.account, name="account"),
    path("account/tokens", views.token_make, name="token-make"),
    path("account/tokens/revoke", views.token_revoke, name="token-revoke"),
    path(
        "account/password",
        PasswordChangeView.as_view(
            template_name="accounts/password.html",
            success_url=reverse_lazy("account"),
            http_method_names=FORM,
        ),
        name="password",
    ),
]
