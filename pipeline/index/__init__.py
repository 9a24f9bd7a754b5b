"""The index: one interface (`engine`), its engines, and the query language (`query`)."""

from pipeline.index.engine import Index
from pipeline.index.sqlite import SqliteIndex
from pipeline.settings import Home

__all__ = ["open_index"]


def open_index(home: Home) -> Index:
    """The index of an installation. Raises ConfigurationError or RetryLater where its engine can't be used."""
    if home.settings.index.engine == "sqlite":
        return SqliteIndex(home.index_path)
    from pipeline.index.elastic import ElasticIndex  # brings a client of 40 MB that the embedded engine need not load

    return ElasticIndex(home.settings.index, [office.id for office in home.offices])
