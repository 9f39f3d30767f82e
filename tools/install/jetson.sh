#!/usr/bin/env bash
# Installs uavloc on a Jetson, keeping the OpenCV, ONNX Runtime and TensorRT of its JetPack. Can be run again.
set -euo pipefail

HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
readonly HERE

usage() {
    cat <<'TEXT'
usage: tools/install/jetson.sh [options]
  --prefix DIR         the environment to make (default /opt/uavloc; it has to be writable)
  --python PROGRAM     its Python (default python3: 3.10 on JetPack 6, 3.12 on JetPack 7)
  --source WHAT        what to install: a folder, a wheel, or uavloc==VERSION (default: this checkout)
  --extras LIST        extras besides the program itself (default build,replay)
  --onnxruntime WHEEL  where the system has none: this wheel, such as one for JetPack (default: the CPU build of PyPI)
  --no-plan            do not build the TensorRT plan of the default engine
  --anyway             also where this is no Jetson
TEXT
}

say() { printf '== %s\n' "$*"; }
die() { printf 'jetson.sh: %s\n' "$*" >&2; exit "${2:-1}"; }

prefix=/opt/uavloc python=python3 source="$(cd "$HERE/../.." && pwd)" extras=build,replay
runtime='onnxruntime>=1.18' plan=yes anyway=no
while (($#)); do
    case $1 in
        --prefix | --python | --source | --extras | --onnxruntime) (($# > 1)) || die "$1: needs a value" ;;&
        --prefix) prefix=$2; shift 2 ;;
        --python) python=$2; shift 2 ;;
        --source) source=$2; shift 2 ;;
        --extras) extras=$2; shift 2 ;;
        --onnxruntime) runtime=$2; shift 2 ;;
        --no-plan) plan=no; shift ;;
        --anyway) anyway=yes; shift ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done

# 1. The board.
if [[ -r /etc/nv_tegra_release ]]; then
    say "$(head -n 1 /etc/nv_tegra_release)"
elif [[ $anyway == no ]]; then
    die "no /etc/nv_tegra_release: this is no Jetson (--anyway goes on; tools/install/cpu.sh is for other machines)"
fi
"$python" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' \
    || die "$python: uavloc needs Python 3.10 to 3.12 (JetPack 6 or 7)"
"$python" -c 'import ensurepip, venv' 2>/dev/null || die "$python has no venv module: sudo apt install python3-venv"

# 2. The environment, which sees the packages of the system.
say "environment $prefix"
"$python" -m venv --system-site-packages "$prefix"
inside=$prefix/bin/python
grep -qi '^include-system-site-packages *= *true' "$prefix/pyvenv.cfg" \
    || die "$prefix is an environment that does not see the system's packages: remove it"

# Where an import comes from: empty where there is none.
place() { "$inside" -c 'import importlib.util as u, sys; s = u.find_spec(sys.argv[1]); print(s.origin or "" if s else "")' "$1"; }
install() { "$inside" -m pip install --disable-pip-version-check --quiet "$@"; }

before_cv2=$(place cv2) before_onnxruntime=$(place onnxruntime) before_tensorrt=$(place tensorrt)
say "OpenCV of the system: ${before_cv2:-none}"
say "ONNX Runtime of the system: ${before_onnxruntime:-none}"
say "TensorRT of the system: ${before_tensorrt:-none (sudo apt install python3-libnvinfer)}"

# 3. uavloc, and what the system lacks. The constraints refuse whatever would hide something of the system.
install -c "$HERE/jetson-constraints.txt" "${source}[${extras}]" 'faiss-cpu>=1.11'
if [[ -z $before_cv2 ]]; then
    say "no OpenCV in the system: taking opencv-python-headless (sudo apt install libopencv-python for JetPack's own)"
    install 'numpy<2' 'opencv-python-headless>=4.10,<5'
fi
if [[ -z $before_onnxruntime ]]; then
    say "no ONNX Runtime in the system: taking $runtime"
    install 'numpy<2' "$runtime"
fi

# 4. Nothing of the system may be hidden now.
for name in cv2 onnxruntime tensorrt; do
    before=before_$name
    [[ -z ${!before} || ${!before} == "$(place "$name")" ]] \
        || die "$(place "$name") hides ${!before}: $inside -m pip uninstall what brought it"
done
"$inside" -c 'import cv2, numpy, onnxruntime' || die "OpenCV, numpy and ONNX Runtime do not load together"

# 5. The plan takes minutes, once.
if [[ $plan == yes && -n $before_tensorrt ]]; then
    say "building the TensorRT plan of the default engine"
    "$prefix/bin/uavloc" engine build evergreen --precision fp16
fi

say "uavloc doctor"
"$prefix/bin/uavloc" doctor
