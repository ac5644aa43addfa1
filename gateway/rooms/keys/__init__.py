"""The room of keys: which keys the gateway has of its own, and how each is changed."""
