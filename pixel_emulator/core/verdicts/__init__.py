"""Expectations against calls: the verdict, and how it is told."""
