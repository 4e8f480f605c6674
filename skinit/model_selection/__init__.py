"""Searches that resume after an interruption and survive the loss of workers."""

from .searches import ResumableGridSearchCV, ResumableRandomizedSearchCV

__all__ = ["ResumableGridSearchCV", "ResumableRandomizedSearchCV"]
