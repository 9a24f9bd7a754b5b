"""The index: one interface (`engine`), its engines, and the query language (`query`)."""

from pipeline.index.sqlite import SqliteIndex
from pipeline.settings import Home

__all__ = ["open_index"]


def open_index(home: Home) -> SqliteIndex:
    """The index of an installation."""
    return SqliteIndex(home.index_path)
