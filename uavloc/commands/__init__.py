"""The commands, one module each: `configure(parser)` adds the options, `run(arguments)` does the work."""
