"""A government disclosure portal."""
