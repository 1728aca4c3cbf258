"""Tracking plans: which events may be sent, and with which shape."""
