"""From a document to a request, and from a result back to the document. One road for window, command line and API."""
