"""What understands and paints pixels. It does not know the document or the window."""
