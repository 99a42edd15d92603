import CLinux
import Faults
import Linux

/// Which cgroup hierarchies the machine has, as this process sees them: nothing is assumed
/// about where they are mounted or which controllers go together.
package struct CgroupLayout: Hashable, Sendable {
    /// One mounted hierarchy.
    package struct Hierarchy: Hashable, Sendable {
        /// Its kind.
        package var version: CgroupVersion
        /// Its controllers; a v1 hierarchy that has only a name is `name=…`.
        package var controllers: [String]
        /// Where it is mounted.
        package var mountPoint: String
        /// Our own cgroup in it, beneath the mount point, without a leading slash.
        package var own: String

        /// Where relative paths begin: v1's at our own cgroup, v2's beside it, since a cgroup that
        /// has processes, ours, can give none of its controllers to cgroups beneath it. Whoever may
        /// write only in its own has it begin there.
        var base: String

        init(version: CgroupVersion, controllers: [String], mountPoint: String, own: String) {
            (self.version, self.controllers, self.mountPoint, self.own) = (version, controllers, mountPoint, own)
            base = version == .v2 ? own.lastIndex(of: "/").map { String(own[..<$0]) } ?? "" : own
        }
    }

    /// What is mounted.
    package enum Mode: String, Hashable, Sendable {
        /// Nothing.
        case absent
        /// Only v1.
        case legacy
        /// v1, and v2 beside it.
        case hybrid
        /// Only v2.
        case unified
    }

    /// The hierarchies in the order in which they were mounted.
    package var hierarchies: [Hierarchy]

    /// What is mounted.
    package var mode: Mode {
        switch (hierarchies.contains { $0.version == .v1 }, hierarchies.contains { $0.version == .v2 }) {
        case (false, false): .absent
        case (true, false): .legacy
        case (true, true): .hybrid
        case (false, true): .unified
        }
    }

    /// The hierarchy that has a controller.
    package func hierarchy(of controller: String) -> Hierarchy? {
        hierarchies.first { $0.controllers.contains(controller) }
    }

    /// Reads the layout from /proc/self/mountinfo and /proc/self/cgroup.
    package static func detect() throws(Fault) -> CgroupLayout {
        do {
            // A machine has hundreds of mounts, and a handful of them matter.
            let mounts = cgroupLines(of: try Files.open("/proc/self/mountinfo").readAll(limit: 16 << 20))
            let own = try Files.open("/proc/self/cgroup").readAll(limit: 1 << 20)
            var layout = parse(mounts: mounts, own: own)
            for index in layout.hierarchies.indices where layout.hierarchies[index].version == .v2 {
                let hierarchy = layout.hierarchies[index]
                if hierarchy.base != hierarchy.own, access("\(hierarchy.mountPoint)/\(hierarchy.base)/cgroup.procs", W_OK) != 0 {
                    layout.hierarchies[index].base = hierarchy.own
                }
                let text = try Files.open("\(layout.hierarchies[index].mountPoint)/cgroup.controllers").readAll(limit: 4_096)
                layout.hierarchies[index].controllers = text.split { $0 == 0x20 || $0 == 0x0A }.map { String(decoding: $0, as: UTF8.self) }
            }
            return layout
        } catch {
            throw Fault(.failed, "\(error)", errno: error.rawValue, trail: ["look at the machine's cgroups"])
        }
    }

    /// The lines of mountinfo whose file system is a cgroup's, found without making strings of the others.
    private static func cgroupLines(of mounts: [UInt8]) -> [UInt8] {
        let mark = Array(" - cgroup".utf8)
        var lines: [UInt8] = []
        mounts.withUnsafeBufferPointer { bytes in
            var start = 0
            while start < bytes.count {
                let end = bytes[start...].firstIndex(of: 0x0A) ?? bytes.count
                var at = start
                while at + mark.count <= end {
                    if bytes[at + 1] == UInt8(ascii: "-"), bytes[at..<at + mark.count].elementsEqual(mark) {
                        lines += bytes[start..<end]
                        lines.append(0x0A)
                        break
                    }
                    at += 1
                }
                start = end + 1
            }
        }
        return lines
    }

    /// The layout that these two files describe; the controllers of v2 are in neither. By bytes, as the
    /// kernel writes them: this is part of each start of a container.
    static func parse(mounts: [UInt8], own: [UInt8]) -> CgroupLayout {
        let ownPaths = own.split(separator: 0x0A).compactMap { OwnLine($0) }
        var hierarchies: [Hierarchy] = []
        for mount in mounts.split(separator: 0x0A).compactMap({ MountLine($0) }) {
            let line = ownPaths.first { mount.version == .v2 ? $0.controllers.isEmpty : $0.controllers.contains { mount.options.contains($0) } }
            guard let line, !hierarchies.contains(where: { $0.version == mount.version && $0.controllers == line.controllers }) else { continue }
            hierarchies.append(
                Hierarchy(
                    version: mount.version, controllers: line.controllers, mountPoint: mount.point,
                    own: beneath(line.path, root: mount.root)))
        }
        return CgroupLayout(hierarchies: hierarchies)
    }

    /// Where this process's own cgroup is in each hierarchy.
    package var own: CgroupRecord {
        CgroupRecord(places: hierarchies.map { .init(version: $0.version, controllers: $0.controllers, mountPoint: $0.mountPoint, path: $0.own) })
    }

    /// Where a cgroup is in each hierarchy.
    func record(of path: CgroupPath) throws(Fault) -> CgroupRecord {
        guard mode != .absent else { throw Fault(.unsupported, "no cgroup hierarchy is mounted") }
        let relative = path.relative
        return CgroupRecord(
            places: hierarchies.map {
                let base = path.isAbsolute ? "" : $0.base
                let place = base.isEmpty ? relative : "\(base)/\(relative)"
                return .init(version: $0.version, controllers: $0.controllers, mountPoint: $0.mountPoint, path: place)
            })
    }

    /// Our own cgroup as seen from a mount that shows only what is beneath `root`.
    private static func beneath(_ path: ArraySlice<UInt8>, root: ArraySlice<UInt8>) -> String {
        let slash = UInt8(ascii: "/")
        let path = path.split(separator: slash)
        let root = root.split(separator: slash)
        guard path.count >= root.count, zip(path, root).allSatisfy({ $0.elementsEqual($1) }) else { return "" }
        var own: [UInt8] = []
        for component in path.dropFirst(root.count) {
            if component.elementsEqual("..".utf8) { return "" }
            if !own.isEmpty { own.append(slash) }
            own += component
        }
        return String(decoding: own, as: UTF8.self)
    }
}

/// The text of some of a file's bytes.
private func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

/// A line of /proc/self/cgroup: `number:controllers:path`.
private struct OwnLine {
    let controllers: [String]
    let path: ArraySlice<UInt8>

    init?(_ line: ArraySlice<UInt8>) {
        let parts = line.split(separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { return nil }
        controllers = parts[1].split(separator: UInt8(ascii: ",")).map { text($0) }
        path = parts[2]
    }
}

/// A line of /proc/self/mountinfo that is about cgroups (proc_pid_mountinfo(5)).
private struct MountLine {
    let version: CgroupVersion
    let root: ArraySlice<UInt8>
    let point: String
    let options: [String]

    init?(_ line: ArraySlice<UInt8>) {
        let fields = line.split(separator: 0x20)
        guard let dash = fields.firstIndex(where: { $0.elementsEqual("-".utf8) }), dash >= 6, fields.count >= dash + 4 else { return nil }
        switch text(fields[dash + 1]) {
        case "cgroup": version = .v1
        case "cgroup2": version = .v2
        case _: return nil
        }
        root = fields[3]
        point = Self.unescape(fields[4])
        options = fields[dash + 3].split(separator: UInt8(ascii: ",")).map { text($0) }
    }

    /// The kernel writes white space and backslashes as three octal digits.
    private static func unescape(_ escaped: ArraySlice<UInt8>) -> String {
        guard escaped.contains(UInt8(ascii: "\\")) else { return text(escaped) }
        var bytes: [UInt8] = []
        var rest = escaped
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), let code = UInt8(text(rest.prefix(3)), radix: 8) {
                bytes.append(code)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
