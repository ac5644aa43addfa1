"""The capabilities of the gateway, one folder each."""
