"""Stateful stand-ins for every external system."""
