"""The Models dialog: what there is to download, what it costs, what is here."""
