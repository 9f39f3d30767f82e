"""What stands around a replay: what is flown again and with what, and what people get to see of it."""
