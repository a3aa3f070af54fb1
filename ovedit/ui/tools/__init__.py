"""Tools: objects that turn pointer events into document changes."""
