"""Plain values and rules that import nobody."""
