import CLinux
import Faults
import Linux

/// Hears that memory of a cgroup ran out. Its descriptor becomes ready (poll(2), ``events``) when
/// something may have happened; ``take()`` says what.
///
/// v1: an eventfd registered with `cgroup.event_control`. v2: `memory.events` itself, which wakes
/// pollers when it changes; its `oom_kill` counts the whole subtree.
package struct MemoryWatch: ~Copyable {
    private enum Source {
        case eventCounter(directory: CgroupDirectory)
        case table(killsBefore: UInt64)
    }

    private let descriptor: FileDescriptor
    private var source: Source

    /// For poll(2).
    package var descriptorNumber: CInt { descriptor.rawValue }
    /// What poll(2) has to wait for.
    package let events: Int16

    private init(_ descriptor: consuming FileDescriptor, events: CInt, _ source: Source) {
        self.descriptor = descriptor
        self.events = Int16(events)
        self.source = source
    }

    static func listen(to directory: CgroupDirectory) throws(Errno) -> MemoryWatch {
        switch directory.place.version {
        case .v1:
            let counter = FileDescriptor(owning: try call { eventfd(0, CInt(EFD_CLOEXEC) | CInt(EFD_NONBLOCK)) })
            let control = try Files.open("memory.oom_control", at: directory.number)
            try directory.write("cgroup.event_control", "\(counter.rawValue) \(control.rawValue)")
            return MemoryWatch(counter, events: POLLIN, .eventCounter(directory: directory))
        case .v2:
            let table = try Files.open("memory.events", at: directory.number)
            let kills = try kills(in: table.rawValue)
            return MemoryWatch(table, events: POLLPRI, .table(killsBefore: kills))
        }
    }

    /// Whether memory has run out since this was asked last. Never waits.
    package mutating func take() throws(Fault) -> Bool {
        do {
            switch source {
            case .eventCounter(let directory):
                var count: UInt64 = 0
                let number = descriptor.rawValue
                do { try call { read(number, &count, MemoryLayout<UInt64>.size) } } catch where error == .again { return false }
                // The kernel also signals that the cgroup is going away.
                return directory.has("cgroup.event_control")
            case .table(let before):
                let now = try Self.kills(in: descriptor.rawValue)
                source = .table(killsBefore: now)
                return now > before
            }
        } catch {
            // A file of a cgroup that is gone has nothing to tell.
            if error == .noDevice { return false }
            throw Fault(.failed, "\(error)", errno: error.rawValue, trail: ["watch for memory running out"])
        }
    }

    /// `oom_kill` of memory.events, read from its beginning, which also makes poll(2) wait for the next change.
    private static func kills(in number: CInt) throws(Errno) -> UInt64 {
        var text = [UInt8](repeating: 0, count: 4_096)
        let count = try call { pread(number, &text, text.count, 0) }
        for line in String(decoding: text[..<count], as: UTF8.self).split(separator: "\n") where line.hasPrefix("oom_kill ") {
            return UInt64(line.dropFirst("oom_kill ".count)) ?? 0
        }
        return 0
    }
}
