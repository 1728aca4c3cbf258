"""The endpoint: from the bytes of a request to a call, and back."""
