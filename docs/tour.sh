#!/bin/bash
# The first tour: starts an engine on a private root, loads an image that Cais did not make, runs
# containers through the command line, says what each step does and how long it took, and takes
# everything away again. `make run` calls it; it may be run again at any time.
set -euo pipefail
cd "$(dirname "$0")/.."

root=$(mktemp -d /tmp/cais-tour.XXXXXX)
export CAIS_HOST=unix://$root/cais.sock
unset DOCKER_HOST DOCKER_API_VERSION
bridge=caistour$((RANDOM % 900 + 100))
port=$((RANDOM % 10000 + 40000))
daemon=
forwarding=$(cat /proc/sys/net/ipv4/ip_forward)

leave() {
    code=$?
    set +e
    if [ -n "$daemon" ]; then
        ids=$(bin/cais ps -aq 2>/dev/null)
        [ -z "$ids" ] || bin/cais rm -f $ids >/dev/null 2>&1
        kill "$daemon" 2>/dev/null
        wait "$daemon" 2>/dev/null
    fi
    # An engine keeps its bridge and its two tables for its next start; this one has none.
    ip link delete "$bridge" 2>/dev/null
    nft delete table ip "cais-$bridge" 2>/dev/null
    nft delete table bridge "cais-$bridge" 2>/dev/null
    [ "$forwarding" = 1 ] || sysctl -qw net.ipv4.ip_forward="$forwarding"
    if [ $code != 0 ] && [ -s "$root/caisd.log" ]; then
        echo "--- the daemon's log:" >&2
        tail -n 30 "$root/caisd.log" >&2
    fi
    rm -rf --one-file-system "$root"
    exit $code
}
trap leave EXIT
trap 'exit 130' INT TERM HUP

now() { date +%s%N; }
step() { # what it does, then the command
    local what=$1 start end
    shift
    printf '\n\033[1m%s\033[0m\n  $ %s\n' "$what" "${*//$root/…}"
    start=$(now)
    "$@" 2>&1 | sed 's/^/  /'
    end=$(now)
    printf '  (%d ms)\n' $(((end - start) / 1000000))
}

[ "$(id -u)" = 0 ] || { echo "make run: containers need root here; try: sudo make run" >&2; exit 1; }

make_image() { # a docker archive from Debian's busybox-static, with no engine's help
    local work=$root/image layer config
    mkdir -p "$work/rootfs"/{bin,etc,proc,sys,dev,tmp,www,root}
    cp "$(command -v busybox)" "$work/rootfs/bin/busybox"
    local applet
    for applet in $("$work/rootfs/bin/busybox" --list); do
        [ "$applet" = busybox ] || ln -s busybox "$work/rootfs/bin/$applet"
    done
    echo 'root:x:0:0:root:/root:/bin/sh' >"$work/rootfs/etc/passwd"
    echo 'root:x:0:' >"$work/rootfs/etc/group"
    echo '<h1>Served from a container</h1>' >"$work/rootfs/www/index.html"
    tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$work/rootfs" -cf "$work/layer.tar" .
    layer=$(sha256sum "$work/layer.tar" | cut -d' ' -f1)
    printf '{"created":"%s","architecture":"amd64","os":"linux","config":{"Cmd":["sh"],"Env":["PATH=/bin"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
        "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$layer" >"$work/config.json"
    config=$(sha256sum "$work/config.json" | cut -d' ' -f1)
    mv "$work/config.json" "$work/$config.json"
    printf '[{"Config":"%s.json","RepoTags":["busybox:latest"],"Layers":["layer.tar"]}]' "$config" >"$work/manifest.json"
    tar -C "$work" -cf "$root/busybox.tar" manifest.json "$config.json" layer.tar
    ls -l "$root/busybox.tar" | awk '{print $5 " bytes"}'
}

start_engine() {
    bin/caisd --data-root "$root/data" --exec-root "$root/run" --pidfile "$root/caisd.pid" -H "$CAIS_HOST" \
        --bridge "$bridge" --bip 10.213.77.1/24 >"$root/caisd.log" 2>&1 &
    daemon=$!
    for _ in $(seq 500); do
        bin/cais version >/dev/null 2>&1 && return
        kill -0 "$daemon" 2>/dev/null || break
        sleep 0.01
    done
    echo "the engine did not start" >&2
    return 1
}

fetch() {
    for _ in $(seq 100); do
        curl -fsS --max-time 5 "http://127.0.0.1:$port/" 2>/dev/null && return
        sleep 0.02
    done
    curl -fsS --max-time 5 "http://127.0.0.1:$port/"
}

echo "A tour of Cais. Everything it makes is in $root and goes when it ends."
step 'An image made from busybox-static with tar and sha256sum' make_image
printf '\n\033[1mThe engine starts on that root\033[0m\n'
begun=$(now)
start_engine
printf '  (%d ms until it answered)\n' $((($(now) - begun) / 1000000))
step 'The image is loaded' bin/cais load -i "$root/busybox.tar"
step 'It is listed' bin/cais images
step 'A command with output, removed when it ends' bin/cais run --rm busybox echo 'hello from a container'
step 'Its own processes, host name and address' bin/cais run --rm --hostname quay busybox sh -c 'hostname; ps; ip -4 -o addr show eth0'
step 'A web server, detached, published on a port' bin/cais run -d --name web -p "$port:80" busybox httpd -f -v -p 80 -h /www
step 'Fetched from the host' fetch
step 'What runs' bin/cais ps
step 'A second process in it' bin/cais exec web ps
step 'Its log' bin/cais logs web
step 'Stopped' bin/cais stop -t 1 web
step 'Removed' bin/cais rm web
if [ -t 0 ] && [ -t 1 ]; then
    printf '\n\033[1mA shell of your own in a container; leave it with exit\033[0m\n'
    bin/cais run -it --rm --hostname quay busybox sh || true
else
    printf '\nNo terminal here, so no interactive shell; with one: cais run -it busybox sh\n'
fi
printf '\nThat was the tour.\n'
