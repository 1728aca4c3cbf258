"""The decoder of pixel requests: `GET /v1/pixel/TYPE` with the call in the query."""
