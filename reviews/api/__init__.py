"""Readings, what was said in them, adjudications, labels and label sets, for programs."""
