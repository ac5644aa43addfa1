"""The city credit platform through which Credit China is reached."""
