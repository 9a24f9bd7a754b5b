"""Kibana's saved objects from a short description: data views, saved searches and dashboards, one space an office."""
