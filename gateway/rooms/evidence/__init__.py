"""Evidence of exchanges 交互留痕 as people look it up."""
