"""Models on the disk: which there are, where they lie, how they get there. No torch, no Qt."""
