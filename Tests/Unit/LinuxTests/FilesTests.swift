import CLinux
import Linux
import Testing

/// A directory that is gone when the test ends.
final class Scratch {
    let path: String
    init() {
        var template = Array("/tmp/cais-test-XXXXXX".utf8CString)
        path = String(cString: mkdtemp(&template))
    }
    deinit { try? Files.removeTree(path) }
}

@Suite struct FilesTests {
    let scratch = Scratch()

    @Test("a replaced file has the new content and leaves no temporary file")
    func replace() throws {
        let path = scratch.path + "/state.json"
        try Files.replace(path, with: Array("one".utf8))
        try Files.replace(path, with: Array("two".utf8))
        #expect(try Files.read(path) == Array("two".utf8))
        #expect(try Files.names(in: scratch.path) == ["state.json"])
    }

    @Test("a link that points above its root is opened inside it, or refused, never outside")
    func openBeneath() throws {
        try Files.makeDirectories(scratch.path + "/root/etc")
        try Files.replace(scratch.path + "/secret", with: Array("outside".utf8))
        try Files.replace(scratch.path + "/root/secret", with: Array("inside".utf8))
        symlink("../../secret", scratch.path + "/root/etc/link")
        let root = try Files.open(scratch.path + "/root", flags: O_PATH | O_DIRECTORY)
        #expect(try Files.openBeneath(root, "etc/link").readAll(limit: 100) == Array("inside".utf8))
        #expect(throws: Errno.crossDevice) { _ = try Files.openBeneath(root, "etc/link", reach: .beneath) }
        #expect(throws: Errno.loop) { _ = try Files.openBeneath(root, "etc/link", reach: .beneathNoLinks) }
    }

    @Test("reading a FIFO as a file is refused at once")
    func fifo() throws {
        mkfifo(scratch.path + "/fifo", 0o600)
        #expect(throws: Errno.invalid) { try Files.read(scratch.path + "/fifo") }
    }

    @Test("a file over the limit is refused")
    func limit() throws {
        try Files.replace(scratch.path + "/big", with: [UInt8](repeating: 65, count: 1_000))
        #expect(throws: Errno.tooBig) { try Files.read(scratch.path + "/big", limit: 999) }
        #expect(try Files.read(scratch.path + "/big", limit: 1_000).count == 1_000)
    }

    @Test("removing a tree removes links and never follows them")
    func removeTree() throws {
        try Files.makeDirectories(scratch.path + "/tree/a/b")
        try Files.makeDirectories(scratch.path + "/kept")
        try Files.replace(scratch.path + "/kept/file", with: [1])
        symlink(scratch.path + "/kept", scratch.path + "/tree/a/link")
        try Files.removeTree(scratch.path + "/tree")
        #expect(!Files.exists(scratch.path + "/tree"))
        #expect(Files.exists(scratch.path + "/kept/file"))
    }

    @Test("a socket path longer than sun_path listens and connects")
    func longSocketPath() throws {
        let directory = scratch.path + "/" + String(repeating: "d", count: 120)
        try Files.makeDirectories(directory)
        let listener = try UnixSocket.listen(directory + "/s", mode: 0o600)
        let client = try UnixSocket.connect(directory + "/s")
        let server = try UnixSocket.accept(listener)
        #expect(try UnixSocket.peer(of: server).pid == getpid())
        try client.writeAll([1, 2, 3])
        #expect(try UnixSocket.receive(limit: 10, on: server).bytes == [1, 2, 3])
    }

    @Test("a descriptor sent over a socket arrives open and close-on-exec")
    func passDescriptor() throws {
        let pair = try UnixSocket.pair()
        let pipe = try FileDescriptor.pipe()
        try UnixSocket.send([42], descriptors: [pipe.write.rawValue], on: pair.left)
        let received = try UnixSocket.receive(limit: 1, on: pair.right)
        let copy = FileDescriptor(owning: received.descriptors[0])
        #expect(cais_fcntl(copy.rawValue, F_GETFD, 0) == FD_CLOEXEC)
        try copy.writeAll([7])
        #expect(received.bytes == [42])
        var byte: UInt8 = 0
        #expect(try withUnsafeMutableBytes(of: &byte) { try pipe.read.read(into: $0) } == 1)
        #expect(byte == 7)
    }
}
