"""The assertion language: from plain data to expectations."""
