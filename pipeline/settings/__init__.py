"""Configuration files of one installation, validated; errors name file, line and field."""

from pipeline.settings.home import Home, load_home
from pipeline.settings.offices import Office
from pipeline.settings.sources import Source
from pipeline.settings.yaml_files import load_model, load_models

__all__ = ["Home", "Office", "Source", "load_home", "load_model", "load_models"]
