"""What would stop a flight on this machine: facts are gathered with a time limit, and judged by small rules."""
