"""DICOM: a bounded walk over the file, a keep-list of what is read of it, and its pixels as canonical levels.

Runs in the decoder's child processes only. What stands on no list here is stepped over, never read.
"""
