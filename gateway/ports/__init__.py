"""The doors to external systems: one Protocol per adapter kind, with its request and result models.

Amounts are integer fen, instants are aware datetimes, days are dates in Asia/Shanghai. Every effect carries
``reference``: ours, durable before the call, never reused, by which the other side is asked when the answer is lost.
Adapters raise only the errors of ``gateway.words.errors``.
"""
