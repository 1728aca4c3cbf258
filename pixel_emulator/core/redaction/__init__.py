"""Write keys: found, and masked in everything that is written."""
