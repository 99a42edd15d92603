#!/bin/bash
# Fuzzes one reader of hostile bytes for some seconds: Tests/Fuzz/run.sh [configuration|state|process|all] [SECONDS] [SEED].
# Inputs that found something new are kept in .build/fuzz/corpus-TARGET; one that ends the process, takes more than 10 s or more
# than 1 GiB is saved as .build/fuzz/TARGET-crash-… and the like, and its path printed. The same seed tries the same inputs.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${1:-all}
seconds=${2:-60}
seed=${3:-1}
out=$PWD/.build/fuzz
mkdir -p "$out"

flags=(-swift-version 6 -package-name cais -parse-as-library -O -enforce-exclusivity=checked -enable-testing -sanitize=fuzzer -suppress-warnings
    -Xcc -D_GNU_SOURCE -Xcc "-fmodule-map-file=$out/CLinux.modulemap" -Xcc "-fmodule-map-file=$PWD/Sources/CSeccomp/module.modulemap" -I "$out")
made=no
module() { # name folder; made again when it or one before it has changed
    if [ $made = no ] && [ -e "$out/$1.o" ] && [ -z "$(find "$2" Sources/CLinux -type f -newer "$out/$1.o" | head -1)" ]; then return; fi
    made=yes
    swiftc "${flags[@]}" -emit-module -emit-module-path "$out/$1.swiftmodule" -module-name "$1" -wmo -c -o "$out/$1.o" $(find "$2" -name '*.swift')
}
printf 'module CLinux {\n    umbrella header "%s/Sources/CLinux/include/CLinux.h"\n    export *\n}\n' "$PWD" > "$out/CLinux.modulemap"
modules=(CLinux Faults OCISpec Linux Cgroups Netlink Seccomp RuntimeCore)
clang -O1 -D_GNU_SOURCE -I Sources/CLinux/include -c -o "$out/CLinux.o" Sources/CLinux/CLinux.c
module Faults Sources/Faults
module OCISpec Sources/OCISpec
module Linux Sources/Linux
module Cgroups Sources/Cgroups
module Netlink Sources/Netlink
module Seccomp Sources/Seccomp
module RuntimeCore Runtime/Core

run() { # target source document seeds
    swiftc "${flags[@]}" -module-name "Fuzz$1" -o "$out/$1" "Tests/Fuzz/$2.swift" Tests/Fuzz/Mutator.swift $(printf "$out/%s.o " "${modules[@]}") -lseccomp
    mkdir -p "$out/corpus-$1"
    cp $4 "$out/corpus-$1/"
    echo "fuzz: $1 for $seconds s, seed $seed"
    # 4 GiB of addresses at most, whatever the fuzzer itself counts; who ends the process is the fuzzer's to hear of, who keeps the input.
    (ulimit -v 4194304 && SWIFT_BACKTRACE=enable=no CAIS_FUZZ_DOCUMENT="$3" "$out/$1" "$out/corpus-$1" -seed="$seed" -max_total_time="$seconds" -artifact_prefix="$out/$1-" \
        -max_len=65536 -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=512 -print_final_stats=1 2> "$out/$1.log") || {
        tail -40 "$out/$1.log"
        rm -rf /dev/shm/cais-fuzz-*
        echo "fuzz: $1 failed; the input is $(grep -o "$out/$1-[a-z]*-[0-9a-f]*" "$out/$1.log" | head -1)" >&2
        return 1
    }
    rm -rf /dev/shm/cais-fuzz-*
    grep -E 'cov:' "$out/$1.log" | tail -1 | sed "s/^/fuzz: $1: /"
    grep -E 'stat::(number_of_executed_units|average_exec_per_sec|peak_rss_mb)' "$out/$1.log" | sed "s/^/fuzz: $1: /"
}
fixtures=$PWD/Tests/Support/Fixtures
case $target in
configuration | all) run configuration Configuration "$fixtures/config-every-property.json" "$fixtures/config*.json" ;;&
state | all) run state State "$PWD/Tests/Fuzz/Seeds/state/whole.json" "Tests/Fuzz/Seeds/state/*" ;;&
process | all) run process Process "$PWD/Tests/Fuzz/Seeds/process/whole.json" "Tests/Fuzz/Seeds/process/*" ;;&
configuration | state | process | all) ;;
*) echo "no target $target" >&2; exit 2 ;;
esac
