"""Files: pictures, OpenRaster projects, masks, autosaves. No Qt, no torch."""
