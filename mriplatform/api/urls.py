from django.urls import path

from mriplatform.api import members, tokens
from mriplatform.api.docs import Docs, Schema

urlpatterns = [
    path("schema/", Schema.as_view(), name="schema"),
    path("docs/", Docs.as_view(), name="api-docs"),
    path("tokens", tokens.Tokens.as_view(), name="api-tokens"),
    path("tokens/revoke", tokens.RevokeToken.as_view(), name="api-token-revoke"),
    path("collections/<uuid:collection_id>/members", members.Members.as_view(), name="api-members"),
    path(
        "collections/<uuid:collection_id>/members/revoke",
        members.RevokeMember.as_view(),
        name="api-member-revoke",
    ),
]
