#!/bin/sh
# Proves the offline bundle: installed and run in a network namespace that has no interface but an unused loopback.
#   sh packaging/try_bundle.sh dist/enforcement-gateway-VERSION-offline.tar
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
tar -xf "$1" -C "$place"
unshare -rn sh -eu -c '
    place=$1
    [ "$(grep -c : /proc/net/dev)" = 1 ] # lo alone, and that is down
    sh "$place"/enforcement-gateway-*-offline/install.sh "$place/opt"
    grep -q 对账 "$place/opt/docs/docs/zh/reconciliation.html"
    "$place/opt/bin/gateway" init "$place/place" --public-url https://pay.anlan.example >/dev/null
    cd "$place/place"
    "$place/opt/bin/gateway" doctor
    "$place/opt/bin/gateway" adapters >/dev/null
    "$place/opt/bin/simulators" --help >/dev/null
    if "$place/opt/bin/python" -I -c "import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack(\"16sh\", b\"lo\", 1))"; then # up, so that the demo has a way to itself
        "$place/opt/bin/gateway" demo --json >/dev/null
        echo "the demo ran without a network"
    fi
' sh "$place"
