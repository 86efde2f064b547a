"""The command that renders the model card from its records: `card`."""

from __future__ import annotations

import argparse

from ml.card import read_records, render_card
from ml.config import SHIPPED_CHECKPOINTS


def card(options: argparse.Namespace) -> int:
    """Prints the card, or writes it."""
    files = options.checkpoints or [path.name for path in SHIPPED_CHECKPOINTS]
    text = render_card(read_records(options.records, files))
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    else:
        print(text, end="")
    return 0
