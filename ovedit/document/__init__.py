"""The document: layers, masks, selection and history. numpy only, no Qt, no torch."""
