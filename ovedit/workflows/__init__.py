"""From a document to a request, and from a result back to the document.

One road for the window, the command line and the Python API: `segment`, `threshold`, `points`,
`mask_ops`, `edit`, `layers`. Functions that change the document make one undo step each.
"""
