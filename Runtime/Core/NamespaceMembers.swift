// NamespaceMembers owns the finding of a container's processes where no cgroup lists them.
import CLinux
import Linux

enum NamespaceMembers {
    /// The processes of the pid namespace that `pid` is in, this process's own excepted; `pid`
    /// alone where its namespace may not be looked at.
    static func processes(like pid: pid_t) -> [pid_t] {
        guard let wanted = namespace(of: "\(pid)"), wanted != namespace(of: "self"),
            let names = try? Files.names(in: "/proc")  // without /proc: as said above
        else { return [pid] }
        let found = names.compactMap { pid_t($0) }.filter { namespace(of: "\($0)") == wanted }
        return found.isEmpty ? [pid] : found.sorted()
    }

    /// nil for a process that is gone or may not be looked at.
    private static func namespace(of process: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 64)
        let count = readlink("/proc/\(process)/ns/pid", &buffer, buffer.count)
        return count < 0 ? nil : String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
