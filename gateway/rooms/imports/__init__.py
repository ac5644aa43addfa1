"""Open payments brought over from an earlier system."""
