"""Opens a serial port as a raw, non-blocking file."""

from __future__ import annotations

import fcntl
import os
import termios
import tty

_SPEEDS = {
    int(name[1:]): getattr(termios, name) for name in dir(termios) if name.startswith("B") and name[1:].isdigit()
}


def speeds() -> tuple[int, ...]:
    """Bits per second that this system can set."""
    return tuple(sorted(speed for speed in _SPEEDS if speed))


def open_serial(device: str, baud: int) -> int:
    """File descriptor of a serial device: 8 data bits, no parity, one stop bit, no flow control, ours alone.

    Raises OSError where it is not there, is no serial device or is in use.
    """
    descriptor = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        tty.setraw(descriptor, termios.TCSANOW)
        settings = termios.tcgetattr(descriptor)
        settings[2] = (settings[2] | termios.CLOCAL | termios.CREAD) & ~(
            termios.CSTOPB | termios.CRTSCTS | termios.PARENB
        )
        settings[4] = settings[5] = _SPEEDS[baud]
        termios.tcsetattr(descriptor, termios.TCSANOW, settings)
        termios.tcflush(descriptor, termios.TCIOFLUSH)
    except termios.error as error:
        os.close(descriptor)
        raise OSError(error.args[0], f"not a serial device: {error.args[-1]}") from error
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
