"""What comes before a build: what there is to make and at what price, and who works on it."""
