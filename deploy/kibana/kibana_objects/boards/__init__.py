"""The five dashboards."""

from __future__ import annotations

from kibana_objects.boards import handling, issues, quality, sources, today

BOARDS = (today.BOARD, issues.BOARD, sources.BOARD, handling.BOARD, quality.BOARD)
