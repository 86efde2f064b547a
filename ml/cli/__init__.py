"""The command line: one module for what needs no network, one for what does."""

from ml.cli.parser import main

__all__ = ["main"]
