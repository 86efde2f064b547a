"""Runs what is queued for training: manifest and recipe in; a registered candidate and both sides' figures out."""

from classifier.jobs.training.running import drain

__all__ = ["drain"]
