"""How big something is, in the units that limits are given in."""

from django import template

register = template.Library()


@register.filter
def binary_size(size: int) -> str:
    """Whole KiB below a MiB, as the browser's side says it before the file is sent; else MiB with a decimal."""
    if size < 2**20:
        return f"{max(1, round(size / 2**10))} KiB"
    return f"{size / 2**20:.1f} MiB"
