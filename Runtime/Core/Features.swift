// Features owns what this runtime says it implements: true, and kept true.
import Linux
import OCISpec
import Seccomp

package enum Features {
    /// The specification that is implemented.
    package static let specification = "1.3.0"

    /// The lines of `--version` after the first.
    package static var versionLines: String { "spec: \(specification)\nlibseccomp: \(SeccompLibrary.version)" }

    /// The document of `features`.
    package static var document: RuntimeFeatures {
        RuntimeFeatures(
            hooks: ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"],
            mountOptions: MountOptions.allWords,
            linux: .init(
                namespaces: RuntimeSpec.Linux.NamespaceKind.allCases, capabilities: CapabilitySet.names,
                cgroup: .init(v1: true, v2: true, systemd: false, systemdUser: false, rdma: true),
                seccomp: .init(
                    enabled: true, actions: RuntimeSpec.Linux.SeccompAction.allCases.filter { $0 != .notify },
                    operators: RuntimeSpec.Linux.SeccompOperator.allCases, archs: RuntimeSpec.Linux.SeccompArchitecture.allCases,
                    knownFlags: RuntimeSpec.Linux.SeccompFlag.allCases, supportedFlags: RuntimeSpec.Linux.SeccompFlag.allCases),
                apparmor: .init(enabled: false), selinux: .init(enabled: false), intelRdt: .init(enabled: false),
                mountExtensions: .init(idmap: .init(enabled: true)), netDevices: .init(enabled: false)))
    }
}
