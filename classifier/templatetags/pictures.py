"""Where a plain `<img>` gets an image from."""

from django import template
from django.urls import reverse

from classifier.models import Image, QuarantinedImage

register = template.Library()


@register.simple_tag
def picture_of(image: Image | QuarantinedImage) -> str:
    """The address for an `<img>`: of 16 bits the picture that a screen shows, else the pixels themselves."""
    name = "quarantined-pixels" if isinstance(image, QuarantinedImage) else "image-pixels"
    address = reverse(name, args=[image.pk])
    return f"{address}?shown=1" if image.bits > 8 else address
