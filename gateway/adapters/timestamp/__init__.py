"""Adapters of time stamp services, a folder a contract."""
