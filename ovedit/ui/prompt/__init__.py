"""The prompt card: type what you see, then what you want."""
