"""Why: the schema and the page that shows it; public, for they tell nothing of anybody's data.

Swagger UI comes from this installation's own static files, its starting script from an
address of its own, so `script-src 'self'` holds. Only its styles are inline: that is
allowed here and nowhere else.
"""

from __future__ import annotations

from typing import Any

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_replace
from django.utils.decorators import method_decorator
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView


class SchemaView(SpectacularAPIView):
    """OpenAPI 3: YAML, or JSON with `?format=json`."""

    authentication_classes: list[Any] = []


@method_decorator(csp_replace({"style-src": [SELF, UNSAFE_INLINE]}), name="dispatch")
class DocsView(SpectacularSwaggerSplitView):
    """Swagger UI."""

    authentication_classes: list[Any] = []
    url_name = "api:schema"
