"""Captures in; indexed items, signals, issues, alerts, incidents and digests out. No Scrapy, no Prefect."""
