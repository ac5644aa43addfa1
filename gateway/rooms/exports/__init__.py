"""Exports 导出: lists as files, for people and for machines."""
