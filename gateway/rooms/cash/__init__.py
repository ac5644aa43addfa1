"""Cash taken on the spot 当场收缴, and its remittance."""
