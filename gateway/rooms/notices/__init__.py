"""Notices to officers 执法人员消息: a short message on the phone, without the case, when something is due."""
