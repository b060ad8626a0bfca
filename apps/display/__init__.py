"""What is shown: the steps of a run, live or from a journal, turned into what stands on a page's board."""

from apps.display.display import Display

__all__ = ["Display"]
