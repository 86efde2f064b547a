"""Imported by the fork server of the decoder alone: its children then share the networks instead of loading them."""

from classifier.intake.writing.networks import load

load()
