"""Small widgets that the panels, the prompt card and the dialogs are made of."""
