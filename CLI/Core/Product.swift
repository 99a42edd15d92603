/// What the command line says about itself.
package enum Product {
    /// Its version.
    package static let version = "0.1.0"
}

extension Product {
    /// The machine in Go's words.
    package static var architecture: String {
        #if arch(x86_64)
            "amd64"
        #elseif arch(arm64)
            "arm64"
        #elseif arch(riscv64)
            "riscv64"
        #else
            "unknown"
        #endif
    }
}
