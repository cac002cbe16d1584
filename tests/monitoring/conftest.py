from __future__ import annotations

import pytest

from support.clock import VirtualTimeLoop


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item):
    return {"virtual": VirtualTimeLoop}
