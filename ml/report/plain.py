"""A report as plain text, for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ml.report.blocks import Block, Note, Pair, Section, Table, Text, cell_text


def to_text(sections: Iterable[Section], stamps: Sequence[str] = ()) -> str:
    """Returns sections as plain text with aligned columns, stamps first. Drawings, pictures and folds are left out."""
    head = [f"!! {stamp}" for stamp in stamps]
    shown = (_section(section) for section in sections)
    return "\n\n".join([*head, *(text for text in shown if text)]) + "\n"


def _section(section: Section) -> str:
    shown = [text for block in section.blocks for text in _block(block)]
    if section.blocks and not shown:
        return ""
    return "\n".join([section.title, *(shown or ["  none"])])


def _block(block: Block) -> list[str]:
    if isinstance(block, Text | Note):
        return [f"  {block.text}"]
    if isinstance(block, Pair):
        return [text for inner in block.blocks for text in _block(inner)]
    return [_table(block)] if isinstance(block, Table) else []


def _table(table: Table) -> str:
    if not table.rows:
        return "  none"
    cells = [list(table.header), *([cell_text(cell) for cell in row] for row in table.rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(table.header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
    return "\n".join(f"  {line.rstrip()}" for line in lines)
