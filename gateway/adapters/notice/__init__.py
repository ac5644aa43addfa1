"""Adapters of messengers of the administration, a folder a contract."""
