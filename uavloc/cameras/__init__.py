"""Where pictures come from in flight: one file per kind of camera."""
