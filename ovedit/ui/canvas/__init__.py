"""The canvas: view, rendering, overlays."""
