"""Problems of calls and their outcomes."""
