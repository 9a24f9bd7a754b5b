"""Kibana from the command line: its objects are described in `deploy/kibana`, sent and compared here."""
