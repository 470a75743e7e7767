"""One search as ask and tell: the machine, its bounds and its restarts."""
