"""Redaction: find write keys, and mask them in everything that is written."""
