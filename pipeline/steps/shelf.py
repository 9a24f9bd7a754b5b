"""Where an installation's models lie: what it trained itself in its data folder, above the one that came with the software."""

from __future__ import annotations

from models.shelf import Shelf
from pipeline.settings import Home


def shelf_of(home: Home) -> Shelf:
    return Shelf(home.models, home.model)
