"""OVEdit: type what you see, get an editable mask; type what you want, get a new layer."""
