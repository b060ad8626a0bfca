"""What the tests beside the originals share."""

from __future__ import annotations

import importlib.util

import pytest


@pytest.fixture(autouse=True, scope="session")
def no_progress_bars() -> None:
    """A bar of transformers leaves a thread behind, for whichever test happens to draw the first."""
    if importlib.util.find_spec("transformers") is not None:
        from transformers import logging

        logging.disable_progress_bar()
