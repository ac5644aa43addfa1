"""A city's credit platform that takes files."""
