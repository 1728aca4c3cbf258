"""What is wrong with a call, and what becomes of it."""
