// Features owns what this runtime says it implements, out of the tables that the code itself reads:
// an enumeration's cases are what is decoded, the words of mount options what is understood, the
// architectures what the library resolves. True, and kept true by tests that use each of them.
import Linux
import OCISpec
import Seccomp

package enum Features {
    /// The specification that is implemented.
    package static let specification = "1.3.0"

    /// The lines of `--version` after the first.
    package static var versionLines: String { "spec: \(specification)\nlibseccomp: \(SeccompSupport.libraryVersion)" }

    /// The document of `features` (features.md, features-linux.md).
    package static var document: RuntimeFeatures {
        RuntimeFeatures(
            hooks: RuntimeSpec.Hooks.names, mountOptions: MountOptions.allWords, linux: linux,
            annotations: ["io.github.seccomp.libseccomp.version": SeccompSupport.libraryVersion],
            // No annotation changes what a configuration does.
            potentiallyUnsafeConfigAnnotations: [])
    }

    private static var linux: RuntimeFeatures.Linux {
        typealias Spec = RuntimeSpec.Linux
        return .init(
            namespaces: Spec.NamespaceKind.allCases, capabilities: CapabilitySet.names,
            cgroup: .init(v1: true, v2: true, systemd: false, systemdUser: false, rdma: true),
            seccomp: .init(
                enabled: true, actions: Spec.SeccompAction.allCases, operators: Spec.SeccompOperator.allCases,
                archs: SeccompSupport.architectures, knownFlags: Spec.SeccompFlag.allCases, supportedFlags: SeccompSupport.flags),
            apparmor: .init(enabled: true), selinux: .init(enabled: true),
            intelRdt: .init(enabled: true, schemata: true, monitoring: true),
            memoryPolicy: .init(modes: Spec.MemoryPolicyMode.allCases, flags: Spec.MemoryPolicyFlag.allCases),
            mountExtensions: .init(idmap: .init(enabled: true)), netDevices: .init(enabled: true))
    }
}
