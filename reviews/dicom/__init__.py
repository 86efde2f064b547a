"""Results as DICOM files: the picture, where the model looked, and the report of what was said.

No Django and no rows: what goes in is described by `described`, what comes out are the bytes of a file. The same
description always gives the same bytes. highdicom takes a second to import, so whoever makes a file imports the
module that makes it only then.
"""
