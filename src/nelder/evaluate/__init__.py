"""How f(x) is obtained."""
