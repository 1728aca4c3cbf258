"""Trust stores: theirs plus ours, as PEM and for Java."""
