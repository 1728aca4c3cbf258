"""Drafts and updates of scenario files from recorded calls."""
