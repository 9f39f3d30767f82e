"""Will it work here? What is to be expected of a flight, told from the map alone."""
