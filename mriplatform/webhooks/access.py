"""Permission: a webhook is its owner's alone; another's is not there."""

from uuid import UUID

from django.http import Http404

from mriplatform.accounts.access import NOT_FOUND, get_collection, require_anywhere
from mriplatform.accounts.models import Collection, User
from mriplatform.accounts.roles import Permission
from mriplatform.outbox.models import Delivery, Endpoint
from mriplatform.webhooks.selectors import deliveries_of, endpoints_of


def get_endpoint(user: User, endpoint_id: UUID) -> Endpoint:
    endpoint = endpoints_of(user).filter(pk=endpoint_id).first()
    if endpoint is None:
        raise Http404(NOT_FOUND)
    return endpoint


def get_delivery(user: User, endpoint_id: UUID, delivery_id: UUID) -> Delivery:
    delivery = deliveries_of(get_endpoint(user, endpoint_id)).filter(pk=delivery_id).first()
    if delivery is None:
        raise Http404(NOT_FOUND)
    return delivery


def get_place(user: User, collection_id: UUID | None) -> Collection | None:
    """The collection of which somebody would be told; None, where they may, for runs and versions."""
    if collection_id is not None:
        return get_collection(user, collection_id, Permission.VIEW_STUDIES)
    require_anywhere(user, Permission.VIEW_MODELS)
    return None
