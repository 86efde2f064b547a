"""What every endpoint of the API has in common."""

from typing import Any, ClassVar

from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request


class ApiView(GenericAPIView[Any]):
    """An endpoint that knows its query parameters: any other is an error, so that a misspelt filter never
    answers with everything.

    Attributes:
        query_parameters: the names it takes; an endpoint with `paged = True` takes the paging ones as well.
    """

    query_parameters: ClassVar[frozenset[str]] = frozenset()
    paged: ClassVar[bool] = False

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        known = self.query_parameters | ({"cursor", "page_size"} if self.paged else set())
        unknown = sorted(set(request.query_params) - known)
        if unknown:
            raise ValidationError({name[:100]: ["This query parameter is not known here."] for name in unknown})

    def page_of(self, rows: Any) -> list[Any]:
        """One page of the rows; answer with `self.get_paginated_response`."""
        return self.paginate_queryset(rows) or []
