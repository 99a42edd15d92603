import CLinux
import Linux

/// Walks the cgroups beneath one by descriptors, of which it holds two at a time. A container that may write to its cgroup
/// chooses their names and how deep they are: longer than a path can be, in bytes that are no text.
enum CgroupTree {
    /// A name as the kernel has it, with the NUL at its end.
    typealias Name = [CChar]

    /// Goes down from `top`; calls `enter` with each cgroup beneath it, and `leave` with its parent and its name when all beneath
    /// it was left. One that goes away meanwhile is passed over.
    static func walk(_ top: CInt, enter: (CInt) throws(Errno) -> Void = { _ in }, leave: (CInt, Name) throws(Errno) -> Void = { _, _ in })
        throws(Errno)
    {
        var here = try Files.open(".", at: top, flags: O_RDONLY | O_DIRECTORY)
        var way: [Name] = []
        var ahead = [try names(in: here)]
        while true {
            if let name = ahead[ahead.count - 1].popLast() {
                guard let below = try open(name, here) else { continue }
                here = below
                try enter(here.rawValue)
                ahead.append(try names(in: here))
                way.append(name)
            } else {
                ahead.removeLast()
                guard let name = way.popLast() else { return }
                // Cgroups cannot be moved to another parent, so above is where this walk came from.
                here = try Files.open("..", at: here.rawValue, flags: O_RDONLY | O_DIRECTORY)
                try leave(here.rawValue, name)
            }
        }
    }

    private static let dot = Array(".".utf8CString)
    private static let dotDot = Array("..".utf8CString)

    private static func open(_ name: Name, _ parent: borrowing FileDescriptor) throws(Errno) -> FileDescriptor? {
        let number = parent.rawValue
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        do throws(Errno) { return FileDescriptor(owning: try call { cais_openat(number, name, flags, 0) }) } catch {
            if error == .noEntry || error == .noDevice { return nil }
            throw error
        }
    }

    /// The cgroups right beneath.
    private static func names(in directory: borrowing FileDescriptor) throws(Errno) -> [Name] {
        // A directory's links are itself, its name above, and one `..` from each directory in it.
        if try directory.status().st_nlink == 2 { return [] }
        let copy = try Files.open(".", at: directory.rawValue, flags: O_RDONLY | O_DIRECTORY).release()
        guard let stream = fdopendir(copy) else {
            let error = Errno.current
            close(copy)
            throw error
        }
        defer { closedir(stream) }
        var names: [Name] = []
        while let entry = readdir(stream) {
            guard Int(entry.pointee.d_type) == Int(DT_DIR) else { continue }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { Array(UnsafeBufferPointer(start: $0, count: strlen($0) + 1)) }
            }
            if name != dot && name != dotDot { names.append(name) }
        }
        return names
    }
}
