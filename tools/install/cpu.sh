#!/usr/bin/env bash
# Installs uavloc for the CPU: a PC, a Raspberry Pi 5, any arm64 board with a 64-bit system. Can be run again.
set -euo pipefail

HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
readonly HERE

usage() {
    cat <<'TEXT'
usage: tools/install/cpu.sh [options]
  --prefix DIR      the environment to make (default /opt/uavloc; it has to be writable)
  --python PROGRAM  its Python, 3.10 to 3.12 (default python3)
  --source WHAT     what to install: a folder, a wheel, or uavloc==VERSION (default: this checkout)
  --extras LIST     extras (default cpu,build,replay; cpu is enough to fly)
  --system          also see the packages of the system (for python3-gi: GStreamer)
TEXT
}

die() { printf 'cpu.sh: %s\n' "$*" >&2; exit "${2:-1}"; }

prefix=/opt/uavloc python=python3 source="$(cd "$HERE/../.." && pwd)" extras=cpu,build,replay seen=()
while (($#)); do
    case $1 in
        --prefix | --python | --source | --extras) (($# > 1)) || die "$1: needs a value" ;;&
        --prefix) prefix=$2; shift 2 ;;
        --python) python=$2; shift 2 ;;
        --source) source=$2; shift 2 ;;
        --extras) extras=$2; shift 2 ;;
        --system) seen=(--system-site-packages); shift ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done

case $(uname -m) in
    x86_64 | aarch64 | arm64) ;;
    *) die "$(uname -m): there are no packages for it; install a 64-bit system" ;;
esac
"$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' \
    || die "$python: uavloc needs Python 3.10 to 3.12 (--python PROGRAM)"
"$python" -c 'import ensurepip, venv' 2>/dev/null || die "$python has no venv module: sudo apt install python3-venv"

"$python" -m venv "${seen[@]}" "$prefix"
"$prefix/bin/python" -m pip install --disable-pip-version-check --quiet --prefer-binary "${source}[${extras}]"
"$prefix/bin/uavloc" doctor
