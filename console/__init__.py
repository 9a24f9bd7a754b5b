"""The desk: a web page for analysts and on-call staff (the only room with the web framework)."""
