// Streams owns what the standard streams of a container are: they were opened outside, so a
// restore gives others in their place, under the names by which the images know them.
import CLinux
import Faults
import Linux
import OCISpec

/// One standard stream, as it was when it was written.
struct Stream: Codable, Hashable, Sendable {
    /// criu's name of it; empty for a file of the container's own, and for one that the program has closed.
    var name: String
    /// The file of the host that it was, where it was one; pipes and sockets are as good as others.
    var file: File?

    /// A file outside the container. criu puts another in its place only where mode and size are the same.
    struct File: Codable, Hashable, Sendable {
        var path: String
        var mode: UInt32
        var size: Int64
        var device: UInt64
        var inode: UInt64
        /// How it was opened, as open(2) has it.
        var flags: Int32

        /// Whether criu takes `other` for it. What is only appended to may have any size.
        func admits(_ other: stat) -> Bool {
            guard other.st_mode == mode else { return false }
            let appends = flags & O_APPEND != 0 && flags & O_ACCMODE == O_WRONLY
            return other.kind != .regular || appends || Int64(other.st_size) == size
        }

        /// Opens it again, if it is still there.
        func reopened() -> FileDescriptor? {
            var there = stat()
            // What was put in its place, such as a FIFO, is not even opened.
            guard lstat(path, &there) == 0, isSame(there) else { return nil }
            let wanted = flags & (O_ACCMODE | O_APPEND)
            guard let file = try? Files.open(path, flags: wanted | O_NOFOLLOW | O_NOCTTY), let status = try? file.status() else { return nil }  // one that cannot be opened is not there to go on with
            guard isSame(status) else { return nil }
            return consume file
        }

        private func isSame(_ other: stat) -> Bool { UInt64(other.st_ino) == inode && UInt64(other.st_dev) == device }
    }
}

enum Streams {
    /// The file among the images.
    static let fileName = "cais-streams.json"

    /// The streams of a process.
    static func of(_ pid: pid_t) throws(Fault) -> [Stream] {
        let mounts = try attempt("read mounts of \(pid)") { () throws(Errno) in
            Set(MountEntry.parse(try Files.open("/proc/\(pid)/mountinfo").readAll(limit: MountEntry.bytesMax)).map(\.id))
        }
        var streams: [Stream] = []
        for number in 0...2 { streams.append(try stream(number, pid: pid, mounts: mounts)) }
        return streams
    }

    private static func stream(_ number: Int, pid: pid_t, mounts: Set<UInt64>) throws(Fault) -> Stream {
        let path = "/proc/\(pid)/fd/\(number)"
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(path, &buffer, buffer.count)
        // One that the program has closed.
        if count < 0 { return Stream(name: "") }
        let target = String(decoding: buffer[..<count], as: UTF8.self)
        if target.hasPrefix("pipe:[") || target.hasPrefix("socket:[") { return Stream(name: target) }
        return try attempt("look at \(path)") { () throws(Errno) in
            let info = try Files.open("/proc/\(pid)/fdinfo/\(number)").readAll(limit: 65_536)
            let id = value("mnt_id:", in: info).flatMap { UInt64($0) } ?? 0
            if mounts.contains(id) { return Stream(name: "") }
            let flags = value("flags:", in: info).flatMap { Int32($0, radix: 8) } ?? 0
            var status = stat()
            try call { stat(path, &status) }
            let name = "file[\(String(id, radix: 16)):\(String(status.st_ino, radix: 16))]"
            return Stream(
                name: name,
                file: .init(
                    path: target, mode: status.st_mode, size: Int64(status.st_size), device: UInt64(status.st_dev), inode: UInt64(status.st_ino),
                    flags: flags))
        }
    }

    /// A value of /proc/PID/fdinfo/N, without white space.
    private static func value(_ name: String, in info: [UInt8]) -> String? {
        let line = info.split(separator: UInt8(ascii: "\n")).first { $0.starts(with: name.utf8) }
        return line.map { String(decoding: $0.dropFirst(name.utf8.count), as: UTF8.self).filter { !$0.isWhitespace } }
    }

    /// What takes the places of the streams: the caller's own; for a file that is not like the one before, that one again.
    /// - Returns: descriptors that are opened again, by their stream.
    /// - Throws: `.unsupported` where criu would refuse the caller's and there is no other.
    static func replacements(for streams: [Stream]) throws(Fault) -> [Int: CInt] {
        var numbers: [Int: CInt] = [:]
        for (number, stream) in streams.enumerated() {
            guard let file = stream.file else { continue }
            var own = stat()
            if fstat(CInt(number), &own) == 0, file.admits(own) { continue }
            guard let again = file.reopened() else {
                throw Fault(
                    .unsupported,
                    "standard stream \(number) was \(file.path) with mode \(String(file.mode, radix: 8)) and \(file.size) bytes, and criu takes no other: "
                        + "give one that is like it")
            }
            numbers[number] = again.release()
        }
        return numbers
    }

    static func write(_ streams: [Stream], to images: String) throws(Fault) {
        let bytes = try JSON.encode(streams)
        try attempt("write \(images)/\(fileName)") { () throws(Errno) in try Files.replace("\(images)/\(fileName)", with: bytes, durable: false) }
    }

    static func read(from images: String) throws(Fault) -> [Stream] {
        let path = "\(images)/\(fileName)"
        let bytes: [UInt8]
        do throws(Errno) { bytes = try Files.read(path, limit: 65_536) } catch {
            if error == .noEntry { throw Fault(.notFound, "no checkpoint in \(images): \(fileName) is missing", errno: ENOENT) }
            throw Fault(error, "read \(path)")
        }
        return try within(path) { () throws(Fault) in try JSON.decode([Stream].self, from: bytes) }
    }
}
