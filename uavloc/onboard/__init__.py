"""The onboard program: camera and autopilot in, positions out."""
