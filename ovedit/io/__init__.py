"""Files: pictures, OpenRaster projects, masks, autosave. Every save is atomic."""
