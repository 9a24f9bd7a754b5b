"""The index: one interface (`engine`), its engines, and the query language (`query`)."""

from pipeline.index.engine import Index, Search
from pipeline.index.sqlite import SqliteIndex
from pipeline.settings import Home

__all__ = ["need_index", "open_index"]


def open_index(home: Home) -> Index:
    """The index of an installation; Elasticsearch is asked at first use (`need_index`). Raises RetryLater."""
    if home.settings.index.engine == "sqlite":
        return SqliteIndex(home.index_path)
    from pipeline.index.elastic import ElasticIndex  # brings a client of 40 MB that the embedded engine need not load

    return ElasticIndex(home.settings.index, [office.id for office in home.offices])


def need_index(home: Home) -> None:
    """Ask the engine now. Raises ConfigurationError or RetryLater where it can't be used."""
    index = open_index(home)
    try:
        index.count(Search(tuple(office.id for office in home.offices)))
    finally:
        index.close()
