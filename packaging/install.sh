#!/bin/sh
# Installs the gateway from the unpacked bundle, without a network:  sh install.sh [FOLDER]
# FOLDER is /opt/gateway-VERSION unless said otherwise. Nothing outside it is touched; removing it undoes all of it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
version=$(basename "$here" | sed 's/^enforcement-gateway-\(.*\)-offline$/\1/')
to=${1:-/opt/gateway-$version}
machine=$(uname -m)
wanted=$here/requirements-$machine.lock

stop() {
    echo "install.sh: $1" >&2
    exit 1
}

[ -f "$wanted" ] || stop "no wheels for $machine in this bundle; it has: $(cd "$here" && ls requirements-*.lock | tr '\n' ' ')"
python=
for one in ${PYTHON:-} python3.11 python3; do
    if "$one" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
        python=$one
        break
    fi
done
[ -n "$python" ] || stop "Python 3.11 with its venv module is needed, for which the wheels are (Debian 12: apt-get install python3-venv); another place: PYTHON=/path sh install.sh"
[ ! -e "$to" ] || stop "$to is there already; give another folder, or remove it"

(cd "$here" && sha256sum --check --quiet SHA256SUMS) || stop "a file is not as it was packed: fetch the bundle again"
"$python" -m venv "$to"
pip="$to/bin/python -I -m pip --disable-pip-version-check --no-input --quiet install --no-index --no-cache-dir"
$pip --find-links "$here/wheels" --require-hashes --requirement "$wanted"
$pip --no-deps "$here"/wheels/enforcement_gateway-*.whl
cp -R "$here/docs" "$here/packaging" "$here/CHANGELOG.md" "$here/LICENSE" "$here/NOTICE" "$to/"
"$to/bin/gateway" --version
echo "installed in $to; what comes next: $to/docs/docs/installing.html" >&2
