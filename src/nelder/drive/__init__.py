"""Ask, evaluate, tell, observe: the loop around a search."""
