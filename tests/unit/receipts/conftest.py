"""The rooms of money, ready."""

from money_bench import bench, quick

__all__ = ["bench", "quick"]
