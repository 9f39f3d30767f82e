"""Processes that are started to help: what they inherit, and a Ctrl-C just when they start."""

import os
import subprocess
import sys
from textwrap import dedent


def told_by(script: str) -> list[str]:
    ran = subprocess.run(
        [sys.executable, "-c", dedent(script)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.splitlines()


def test_a_helper_has_one_thread_and_no_ear_for_ctrl_c_and_nothing_stays_behind(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    helper = "import os, signal; print(os.environ['OMP_NUM_THREADS'], signal.pthread_sigmask(signal.SIG_BLOCK, ()))"
    assert told_by(f"""
        import os, signal, subprocess, sys
        from uavloc.helperprocess import starting_helpers

        heard = signal.getsignal(signal.SIGINT)
        with starting_helpers():
            helper = subprocess.Popen([sys.executable, "-c", {helper!r}])
        helper.wait()
        assert (os.environ["OMP_NUM_THREADS"], os.environ.get("MKL_NUM_THREADS")) == ("7", None)
        assert signal.getsignal(signal.SIGINT) is heard
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    """) == ["1 {<Signals.SIGINT: 2>}"]


def test_ctrl_c_while_a_helper_starts_is_answered_when_it_has_started():
    """Another thread takes the signal here, as threads of numerical libraries do: the mask of one thread is no help."""
    assert told_by("""
        import os, signal, threading, time
        from uavloc.helperprocess import starting_helpers

        threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
        try:
            with starting_helpers():
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.2)
                print("started")
        except KeyboardInterrupt:
            print("stopped", os.environ.get("MKL_NUM_THREADS"))
    """) == ["started", f"stopped {os.environ.get('MKL_NUM_THREADS')}"]
