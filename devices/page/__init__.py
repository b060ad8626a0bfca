"""The page: the glasses in a browser, on this machine only."""
