"""Writing in the pixels: where in an image letters or digits stand that may name somebody.

Runs in the decoder's child processes, on networks of the package `rapidocr` that OpenCV computes; docs/intake.md says
what counts as writing, what does not (a letter that marks a side, a scale) and how well it was measured to be found.
"""

from classifier.intake.writing.finding import find_writing

__all__ = ["find_writing"]
