"""What the kept calls mean to Segment: profiles, folded from identify, alias and group."""
