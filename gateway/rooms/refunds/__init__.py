"""Refunds 退付, and the ways out of unforeseen money."""
