"""Everything that one office's space holds, in the order in which the pieces need each other."""

from __future__ import annotations

from kibana_objects.boards import BOARDS
from kibana_objects.columns import Json
from kibana_objects.saved import Office, dashboard, data_view, saved_search, tag
from kibana_objects.searches import SEARCHES
from kibana_objects.views import VIEWS


def build(office: Office) -> list[Json]:
    return [
        *(data_view(office, view) for view in VIEWS),
        tag(office),
        *(saved_search(office, search) for search in SEARCHES),
        *(dashboard(office, board) for board in BOARDS),
    ]
