// SecurityLabels owns the AppArmor profile and the SELinux label of a program: whether this host has
// either, and the descriptors through which a process asks for the change at its execve(2).
//
// The files are opened before the container's mounts are, through the host's procfs: the container's
// /proc may be anything (CVE-2019-16884, CVE-2019-19921).
import CLinux
import Faults
import Linux
import OCISpec

enum SecurityLabels {
    /// Refuses what this host cannot do: a program without the confinement it was to have must not run.
    static func check(_ process: RuntimeSpec.Process) throws(Fault) {
        if !(process.apparmorProfile ?? "").isEmpty && !hasAppArmor {
            throw Fault(.unsupported, "process.apparmorProfile: AppArmor is not enabled on this host")
        }
        if !(process.selinuxLabel ?? "").isEmpty && !hasSELinux {
            throw Fault(.unsupported, "process.selinuxLabel: SELinux is not enabled on this host")
        }
    }

    static func check(mountLabel: String?) throws(Fault) {
        guard let mountLabel, !mountLabel.isEmpty else { return }
        guard hasSELinux else { throw Fault(.unsupported, "linux.mountLabel: SELinux is not enabled on this host") }
    }

    /// The module's parameter is there without securityfs too.
    private static var hasAppArmor: Bool {
        (try? Files.read("/sys/module/apparmor/parameters/enabled", limit: 16).first) == UInt8(ascii: "Y")
    }

    /// A kernel that can, but has no policy, calls everything `kernel` and mounts no file system.
    private static var hasSELinux: Bool { Files.exists("/sys/fs/selinux/enforce") }

    /// The label as an option of a new file system, which SELinux takes it from (mount(8), `context=`).
    static func mountParameter(_ label: String?, type: String) -> Mount.Parameter? {
        guard let label, !label.isEmpty, !unlabelled.contains(type) else { return nil }
        return .value("context", label)
    }

    /// File systems whose files have labels of the policy's own, and which take none.
    private static let unlabelled = ["proc", "sysfs", "cgroup", "cgroup2", "mqueue"]
}

/// The open files of one process that is going to execute a program.
struct LabelFiles: ~Copyable {
    private let profile: String?
    private let label: String?
    private let apparmor: FileDescriptor?
    private let selinux: FileDescriptor?

    /// Opens what `process` needs, nothing without labels. Only the calling thread can use it.
    init(_ process: RuntimeSpec.Process?) throws(Fault) {
        let profile = process?.apparmorProfile.flatMap { $0.isEmpty ? nil : $0 }
        let label = process?.selinuxLabel.flatMap { $0.isEmpty ? nil : $0 }
        let apparmor = try Self.open(profile == nil ? [] : ["apparmor/exec", "exec"], "AppArmor")
        let selinux = try Self.open(label == nil ? [] : ["exec"], "SELinux")
        self.profile = profile
        self.label = label
        self.apparmor = apparmor
        self.selinux = selinux
    }

    /// The first of the names that is there: AppArmor has a directory of its own since Linux 5.8. Nil without names.
    private static func open(_ names: [String], _ module: String) throws(Fault) -> FileDescriptor? {
        if names.isEmpty { return nil }
        var failure = Errno.noEntry
        for name in names {
            do throws(Errno) { return try Files.open("/proc/thread-self/attr/\(name)", flags: O_WRONLY) } catch { failure = error }
        }
        throw Fault(failure, "open the process's \(module) attribute")
    }

    /// Asks for the change at the next execve(2). Before identity and capabilities change.
    borrowing func apply() throws(Fault) {
        switch apparmor {
        case .some(let file): try Self.put("exec \(profile ?? "")", file, "set AppArmor profile \(profile ?? "")")
        case .none: break
        }
        switch selinux {
        case .some(let file): try Self.put(label ?? "", file, "set SELinux label \(label ?? "")")
        case .none: break
        }
    }

    private static func put(_ text: String, _ file: borrowing FileDescriptor, _ step: String) throws(Fault) {
        var text = text
        let number = file.rawValue
        do throws(Errno) { try call { text.withUTF8 { CLinux.write(number, $0.baseAddress, $0.count) } } } catch { throw Fault(error, step) }
    }
}
