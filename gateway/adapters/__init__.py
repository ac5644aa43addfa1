"""Adapters: one folder a kind, in it one folder a contract family. They are reached by entry point only."""
