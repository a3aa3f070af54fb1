"""What a phrase means, whichever engine answers it: its words, and things told apart by place."""
