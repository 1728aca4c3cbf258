"""Trust stores for clients: what they trust already, and our CA."""
