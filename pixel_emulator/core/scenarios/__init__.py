"""The nouns of the assertion language: scenarios, expectations, and the wire they speak of."""
