"""Searches that survive: a search that was killed goes on where it was, and one that loses workers does without."""

from .searches import ResumableGridSearchCV, ResumableRandomizedSearchCV

__all__ = ["ResumableGridSearchCV", "ResumableRandomizedSearchCV"]
