"""Retention 保管期限: what leaves the database, when and why, and the archive that it goes to."""
