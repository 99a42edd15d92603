import CSeccomp

/// The library that compiles profiles.
package enum SeccompLibrary {
    /// Its version, as `2.5.4` (seccomp_version(3)).
    package static var version: String {
        guard let version = seccomp_version() else { return "unknown" }
        return "\(version.pointee.major).\(version.pointee.minor).\(version.pointee.micro)"
    }
}
