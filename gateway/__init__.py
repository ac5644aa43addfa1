"""Gateway between case systems and external government systems."""

__version__ = "0.1.0"
