"""Measurements of the whole program: how often it is right, how fast it is, next to a local-feature baseline."""
