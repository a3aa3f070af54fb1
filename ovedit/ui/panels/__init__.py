"""The docks."""

LEAST_HEIGHT = 34
"""A list can be as low as one row, so that all docks together fit a window 600 px high."""
