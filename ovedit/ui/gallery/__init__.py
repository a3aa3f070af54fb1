"""Variations of an edit to choose from, in a strip above the prompt card."""
