#!/bin/sh
# setup.sh DIR: a virtual environment with requirements.txt in DIR. Prints errors only; does nothing when DIR has them already.
set -eu

[ $# -eq 1 ] || { echo "usage: setup.sh DIR" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
done_with=$1/requirements.txt

cmp -s "$here/requirements.txt" "$done_with" && [ -x "$1/bin/python" ] && exit 0
mkdir -p "$1"
rm -f "$done_with"
"$python" -m venv "$1"
"$1/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
cp "$here/requirements.txt" "$done_with"
