"""Reads tables from files, and takes each column for numbers, categories, dates, durations or text."""
