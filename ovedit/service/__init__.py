"""The model service: one worker thread that owns every engine. QtCore only."""
