"""The published figures, each from one command: folds, comparisons, reproduction."""
