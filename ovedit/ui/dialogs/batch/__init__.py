"""The Batch dialog: one recipe for all photos of a folder."""
