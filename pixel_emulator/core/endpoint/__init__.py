"""The endpoint: from a request to its route, its calls and the answer; one folder a decoder."""
