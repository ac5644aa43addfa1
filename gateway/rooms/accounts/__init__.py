"""Who may use the gateway: authorities, case systems and their keys, operators."""
