"""Measurements of skinit. Every number in the documentation comes from a benchmark here."""
