#!/bin/bash
# Fuzzes the reading of configurations for some seconds: Tests/Fuzz/run.sh [SECONDS]. Inputs that
# found something new are kept in .build/fuzz/corpus, one that ends the process in .build/fuzz.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-60}
out=.build/fuzz
mkdir -p "$out/corpus"
flags=(-swift-version 6 -package-name cais -parse-as-library -O -enforce-exclusivity=checked -sanitize=fuzzer)
swiftc "${flags[@]}" -emit-module -emit-module-path "$out/Faults.swiftmodule" -module-name Faults -wmo -c -o "$out/Faults.o" Sources/Faults/*.swift
swiftc "${flags[@]}" -I "$out" -emit-module -emit-module-path "$out/OCISpec.swiftmodule" -module-name OCISpec -wmo -c -o "$out/OCISpec.o" \
    $(find Sources/OCISpec -name '*.swift')
swiftc "${flags[@]}" -I "$out" -module-name ConfigurationFuzzer -o "$out/configuration" Tests/Fuzz/Configuration.swift "$out/OCISpec.o" "$out/Faults.o"
cp -n Tests/Support/Fixtures/config*.json "$out/corpus/" || true
"$out/configuration" "$out/corpus" -max_total_time="$seconds" -artifact_prefix="$out/" -max_len=65536 -timeout=10
