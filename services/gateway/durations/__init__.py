"""How long operations on a target take: measured ones, and estimates from them."""
