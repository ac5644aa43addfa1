"""What commands share: output, the running gateway, signing in."""
