"""Running somebody's command with its pixels led here."""
