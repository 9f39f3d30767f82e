"""The running program as seen from afar: a live page, its orders, and metrics, served by a thread of its own."""
