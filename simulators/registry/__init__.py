"""The registration authority 市场主体登记 as a province shares it; contract in ``contracts/registry/v1``."""
