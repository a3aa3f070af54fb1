"""Docks and the prompt card."""
