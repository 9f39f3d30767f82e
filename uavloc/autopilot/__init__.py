"""The autopilot: links, what it says, what it is told, and whether it listens."""
