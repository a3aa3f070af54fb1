"""Selecting by words with CLIP and SAM 2. Training-free: nothing here learns."""
