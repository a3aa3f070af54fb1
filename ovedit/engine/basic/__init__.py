"""The embedded engine: no weights, always there, and honest about what it cannot do."""

ENGINE = "basic"
"""Its name in requests, results and settings."""
