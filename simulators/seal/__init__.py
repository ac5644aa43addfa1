"""The seal service 电子签章服务: its CA, its seals, real SM2 signatures in the structures of GB/T 38540-2020."""
