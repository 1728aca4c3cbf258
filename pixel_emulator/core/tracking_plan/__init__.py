"""Tracking plans: which events may be sent, and of what shape."""
