"""Writes: each function changes rows, leaves its trace in the audit and, where it must, tells the other side."""
