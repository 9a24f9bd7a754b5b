"""What several dashboards say. A cell of public posts counts in one period and one dimension: adding across is doubling."""

from __future__ import annotations

HEARD_ALL = "period: day and dimension: all"
HEARD_TOPICS = "period: day and dimension: topic"
HEARD_SENTIMENT = "period: day and dimension: sentiment"
ROUNDED = "公众讨论只以格子和议题的人数出现，一律向下取整到 k 的倍数；同一人在不同站点类别、不同日子各算一次。"
