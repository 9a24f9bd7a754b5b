"""One module a page (or two that belong together)."""
