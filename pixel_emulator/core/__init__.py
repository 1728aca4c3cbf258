"""The Pixel API and the assertion language: functions from values to values."""
