"""The model card: rendered from records, so that no figure in it was typed by hand."""

from ml.card.records import CardError, Model, Records, read_records
from ml.card.rendering import render_card

__all__ = ["CardError", "Model", "Records", "read_records", "render_card"]
