"""Open payments brought over from an earlier system, and batches of decisions."""
