"""The model of the assertion language: scenarios, expectations and models of mail clients."""
