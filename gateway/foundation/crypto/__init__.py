"""SM2, SM3 and SM4, certificates, envelope encryption and keys: no network, no database."""
