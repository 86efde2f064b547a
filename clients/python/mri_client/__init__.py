"""A client of the MRI review platform's API: `docs/api.md` of the platform describes what is behind it."""

from mri_client.client import Client, Failed, File, Run, Study, Upload, Verdict, Version
from mri_client.requests import ApiError

__all__ = ["ApiError", "Client", "Failed", "File", "Run", "Study", "Upload", "Verdict", "Version"]
