"""A messenger of the administration 政务工作消息: its users, its templates, messages with delivered and read."""
