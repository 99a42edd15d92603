// Streams owns what the standard streams of a container are: they were opened outside, so a
// restore gives others in their place, under the names by which the images know them.
import CLinux
import Faults
import Linux
import OCISpec

enum Streams {
    /// The file among the images.
    static let fileName = "cais-streams.json"

    /// criu's names of the streams of a process; the empty one for a file of the container's own.
    static func names(of pid: pid_t) throws(Fault) -> [String] {
        let mounts = try attempt("read mounts of \(pid)") { () throws(Errno) in
            Set(MountEntry.parse(try Files.open("/proc/\(pid)/mountinfo").readAll(limit: MountEntry.bytesMax)).map(\.id))
        }
        var names: [String] = []
        for number in 0...2 { names.append(try name(of: number, pid: pid, mounts: mounts)) }
        return names
    }

    private static func name(of number: Int, pid: pid_t, mounts: Set<UInt64>) throws(Fault) -> String {
        let path = "/proc/\(pid)/fd/\(number)"
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(path, &buffer, buffer.count)
        // One that the program has closed.
        if count < 0 { return "" }
        let target = String(decoding: buffer[..<count], as: UTF8.self)
        if target.hasPrefix("pipe:[") || target.hasPrefix("socket:[") { return target }
        return try attempt("look at \(path)") { () throws(Errno) in
            let info = try Files.open("/proc/\(pid)/fdinfo/\(number)").readAll(limit: 65_536)
            let line = info.split(separator: UInt8(ascii: "\n")).first { $0.starts(with: "mnt_id:".utf8) }
            let id = line.flatMap { UInt64(String(decoding: $0.dropFirst(7), as: UTF8.self).filter { !$0.isWhitespace }) } ?? 0
            if mounts.contains(id) { return "" }
            var status = stat()
            try call { stat(path, &status) }
            return "file[\(String(id, radix: 16)):\(String(status.st_ino, radix: 16))]"
        }
    }

    static func write(_ names: [String], to images: String) throws(Fault) {
        let bytes = try JSON.encode(names)
        try attempt("write \(images)/\(fileName)") { () throws(Errno) in try Files.replace("\(images)/\(fileName)", with: bytes, durable: false) }
    }

    static func read(from images: String) throws(Fault) -> [String] {
        let path = "\(images)/\(fileName)"
        let bytes: [UInt8]
        do throws(Errno) { bytes = try Files.read(path, limit: 65_536) } catch {
            if error == .noEntry { throw Fault(.notFound, "no checkpoint in \(images): \(fileName) is missing", errno: ENOENT) }
            throw Fault(error, "read \(path)")
        }
        return try within(path) { () throws(Fault) in try JSON.decode([String].self, from: bytes) }
    }
}
