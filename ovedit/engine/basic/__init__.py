"""The embedded engine: no weights, always there, and honest about what it cannot do."""
