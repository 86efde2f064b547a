"""How static files are served: hashed names for styles and for the modules that scripts import, compressed."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticStorage(CompressedManifestStaticFilesStorage):
    """Also renames what ES modules import, so that one module is never loaded under two names."""

    support_js_module_import_aggregation = True
