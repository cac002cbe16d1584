"""Applications whose ``/docs`` needs nothing from outside: Swagger UI is served by themselves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

import livetranslate

ASSETS = "/docs-assets"
"""Where Swagger UI's script and style are served."""


def described_app(
    title: str, lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None
) -> FastAPI:
    """Return an application that describes itself at ``/docs`` and ``/openapi.json``."""
    return FastAPIOffline(
        title=title,
        version=livetranslate.__version__,
        lifespan=lifespan,
        redoc_url=None,
        static_url=ASSETS,
        # Without this Swagger UI would offer a badge of a validator on the internet.
        swagger_ui_parameters={"validatorUrl": None},
    )
