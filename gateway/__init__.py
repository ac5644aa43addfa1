"""Gateway between case systems and external government systems."""
