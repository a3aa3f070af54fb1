"""A recipe followed over a folder of photos, for the command line, the API and the window.

The workflows know how to follow a recipe on one document (`ovedit.workflows.batch`); here is what
has to do with files: the recipe's own, the photos, the results, and the record of how far it went.
"""
