"""Removing, replacing and restyling with models: diffusion pipelines and erasers."""
