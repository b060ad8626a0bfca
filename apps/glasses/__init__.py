"""The glasses behind a page: a live run, or a journal that is shown again."""
