#!/bin/bash
# Runs a command in an emulated machine whose only cgroup hierarchy is version 2, and ends with its exit code.
#
#   cgroup2-machine.sh [-t SECONDS] [-m MEBIBYTES] -- COMMAND [ARGUMENT...]
#
# The kernel is Debian's, unpacked and not installed. The guest's root is this machine's root, read-only under an
# overlay in memory, so every program is there at its path; the current folder is shared read-write. Emulation is
# slow: 10 s of CPU to boot, then some ten times the time the command takes outside. Exit code 125: no machine.
set -euo pipefail

seconds=1800 memory=3072
while getopts t:m: option; do
    case $option in
    t) seconds=$OPTARG ;;
    m) memory=$OPTARG ;;
    *) exit 125 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || { echo "usage: $0 [-t SECONDS] [-m MEBIBYTES] -- COMMAND [ARGUMENT...]" >&2; exit 125; }

cache=${XDG_CACHE_HOME:-$HOME/.cache}/cais-cgroup2
share=$(realpath "$PWD")
mkdir -p "$cache"
release=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: linux-image-\([0-9][^ ]*\).*/\1/p' | head -n 1)
[ -n "$release" ] || { echo "cgroup2-machine: apt knows no linux-image-amd64 (apt-get update?)" >&2; exit 125; }
kernel=$cache/kernel-$release
modules=$kernel/lib/modules/$release
initrd=$cache/initrd-$release-1.cpio

fetch_kernel() {
    [ -f "$modules/modules.dep" ] && return
    (cd "$cache" && apt-get download -qq "linux-image-$release" >&2)
    dpkg-deb -x "$cache"/linux-image-"$release"_*.deb "$kernel"
    rm -f "$cache"/linux-image-"$release"_*.deb
    depmod -b "$kernel" "$release"
}

with_dependencies() { # the files of these modules, what they need first
    local module line file
    for module in "$@"; do
        line=$(grep -E "/$module\.ko:" "$modules/modules.dep") || continue
        for file in ${line#*:}; do echo "$file"; done | tac
        echo "${line%%:*}"
    done | awk '!seen[$0]++'
}

make_initrd() {
    [ -s "$initrd" ] && return
    local tree
    tree=$(mktemp -d "$cache/initrd.XXXXXX")
    mkdir -p "$tree"/{bin,dev,proc,sys,modules,lower,upper,root}
    cp "$(command -v busybox)" "$tree/bin/busybox"
    for file in $(with_dependencies virtio_mmio virtio_pci 9pnet_virtio 9p overlay virtio_console); do
        cp "$modules/$file" "$tree/modules/"
        basename "$file" >>"$tree/modules/order"
    done
    cat >"$tree/init" <<'INIT'
#!/bin/busybox sh
# Builds the guest's root out of the shares, hands it one cgroup v2 hierarchy, and goes on inside.
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev 2>/dev/null
for m in $($b cat /modules/order); do $b insmod /modules/$m 2>/dev/null; done
word() { for w in $($b cat /proc/cmdline); do case $w in $1=*) echo ${w#*=} ;; esac; done; }
share=trans=virtio,version=9p2000.L,msize=512000
$b mount -t 9p -o ro,cache=loose,$share root /lower
$b mount -t tmpfs -o size=1500m tmpfs /upper
$b mkdir /upper/upper /upper/work
$b mount -t overlay -o lowerdir=/lower,upperdir=/upper/upper,workdir=/upper/work overlay /root
r=/root
$b mount -t proc proc $r/proc
$b mount -t sysfs sys $r/sys
$b mount -t devtmpfs dev $r/dev
$b mkdir -p $r/dev/pts $r/dev/shm $r/dev/mqueue
$b mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts $r/dev/pts
$b mount -t tmpfs tmpfs $r/dev/shm
$b mount -t mqueue mqueue $r/dev/mqueue
$b mount -t tmpfs tmpfs $r/run
$b mount -t tmpfs -o mode=1777 tmpfs $r/tmp
$b mount -t cgroup2 -o nsdelegate cgroup2 $r/sys/fs/cgroup
for c in $($b cat $r/sys/fs/cgroup/cgroup.controllers); do echo +$c >$r/sys/fs/cgroup/cgroup.subtree_control; done
here=$(word cais.share)
$b mkdir -p $r$here
$b mount -t 9p -o rw,access=any,cache=none,$share share $r$here
$b mkdir -p $r/run/machine
$b mount -t 9p -o rw,cache=none,$share control $r/run/machine
$b mkdir -p $r/lib/modules/$($b uname -r)
$b mount -o bind /lower$(word cais.modules) $r/lib/modules/$($b uname -r)
$b ip link set lo up
$b hostname cgroup2
echo booted >$r/run/machine/booted
exec $b switch_root $r /bin/bash /run/machine/main
INIT
    chmod +x "$tree/init"
    (cd "$tree" && find . | cpio -o -H newc --quiet) >"$initrd.$$"
    mv "$initrd.$$" "$initrd"
    rm -rf "$tree"
}

fetch_kernel
make_initrd

control=$(mktemp -d "$cache/run.XXXXXX")
trap 'rm -rf "$control"' EXIT
printf '%q ' "$@" >"$control/command"
cat >"$control/main" <<MAIN
export PATH=$(printf %q "$PATH:/usr/sbin:/sbin") HOME=/root TERM=dumb LANG=C.UTF-8
cd $(printf %q "$share")
mkdir -p /sys/fs/cgroup/machine.init
echo \$\$ >/sys/fs/cgroup/machine.init/cgroup.procs
modprobe -q loop # a block device to limit
setsid bash -c '. /run/machine/command' </dev/null >/run/machine/out 2>/run/machine/err
echo \$? >/run/machine/code
sync
busybox poweroff -f
MAIN

# A starved emulator can die in the guest's early timer calibration: once more if it never booted.
for attempt in 1 2; do
    timeout -k 5 "$seconds" qemu-system-x86_64 -M q35 -accel tcg,thread=multi,tb-size=256 -cpu max -smp 2 -m "$memory" \
        -nodefaults -no-user-config -display none -no-reboot -serial "file:$control/console" \
        -kernel "$kernel/boot/vmlinuz-$release" -initrd "$initrd" \
        -append "console=ttyS0 quiet panic=-1 cgroup_no_v1=all mitigations=off nokaslr no_timer_check audit=0 random.trust_cpu=on cais.share=$share cais.modules=$modules" \
        -fsdev "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap" -device virtio-9p-pci,fsdev=root,mount_tag=root \
        -fsdev "local,id=share,path=$share,security_model=none,multidevs=remap" -device virtio-9p-pci,fsdev=share,mount_tag=share \
        -fsdev "local,id=control,path=$control,security_model=none" -device virtio-9p-pci,fsdev=control,mount_tag=control \
        >"$control/emulator" 2>&1 || true
    [ -f "$control/booted" ] && break
done
[ -f "$control/out" ] && cat "$control/out"
[ -f "$control/err" ] && cat "$control/err" >&2
[ -f "$control/code" ] && exit "$(cat "$control/code")"
echo "cgroup2-machine: no result within $seconds s" >&2
tail -n 20 "$control/console" "$control/emulator" >&2 || true
exit 125
