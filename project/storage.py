"""Why: static files are served under names that carry their hash, ES modules included."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticStorage(CompressedManifestStaticFilesStorage):
    """Hashed names, also inside `import` statements of ES modules."""

    manifest_strict = False
    support_js_module_import_aggregation = True
