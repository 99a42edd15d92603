import CLinux
import Linux
import Testing

@testable import RuntimeCore

@Suite struct CheckpointTests {
    private let externals = CriuPlan.Externals(
        mounts: [.init(destination: "/a", place: "/real/a", source: "/host/a")], streams: ["file[1a:2b]", "pipe:[7]", ""])

    private func pairs(_ plan: CriuPlan) -> [[String]] { zip(plan.arguments, plan.arguments.dropFirst()).map { [$0, $1] } }

    @Test("a dump names the tree, the places of external mounts and the files of the outside") func dump() {
        var options = CheckpointOptions()
        options.leavesRunning = true
        options.parentPath = "../before"
        let plan = CriuPlan.dump(options, pid: 42, root: "/r", images: "/i", work: "/w", freezer: "/f", externals: externals)
        #expect(plan.arguments.first == "dump")
        for pair in [["--tree", "42"], ["--freeze-cgroup", "/f"], ["--prev-images-dir", "../before"], ["--external", "mnt[/real/a]:/a"], ["--external", "file[1a:2b]"]] {
            #expect(pairs(plan).contains(pair), "\(pair)")
        }
        #expect(plan.arguments.contains("--leave-running") && plan.arguments.contains("--track-mem"))
        #expect(!plan.arguments.contains { $0.contains("pipe:[7]") }, "criu knows pipes by itself")
    }

    @Test("a pre-dump never ends the container and tracks memory") func preDump() {
        var options = CheckpointOptions()
        options.isPreDump = true
        options.leavesRunning = true
        let plan = CriuPlan.dump(options, pid: 1, root: "/r", images: "/i", work: "/w", freezer: nil, externals: externals)
        #expect(plan.arguments.first == "pre-dump" && plan.arguments.contains("--track-mem"))
        #expect(!plan.arguments.contains("--leave-running") && !plan.arguments.contains("--freeze-cgroup"))
    }

    @Test("a restore mounts the host's sources and puts streams in their places") func restore() {
        let plan = CriuPlan.restore(
            CheckpointOptions(), root: "/r", images: "/i", work: "/w", pidFile: "/p", isStopped: true, externals: externals, streams: [3, 4, 5])
        #expect(plan.arguments.first == "restore" && plan.arguments.contains("--leave-stopped") && plan.arguments.contains("--manage-cgroups=ignore"))
        for pair in [["--external", "mnt[/a]:/host/a"], ["--inherit-fd", "fd[3]:file[1a:2b]"], ["--inherit-fd", "fd[4]:pipe:[7]"], ["--pidfile", "/p"]] {
            #expect(pairs(plan).contains(pair), "\(pair)")
        }
        #expect(!plan.arguments.contains { $0.hasPrefix("fd[5]") }, "a stream of the container's own is in the images")
    }

    @Test("the last errors of a log, or its last line") func log() {
        #expect(Criu.pick(from: Array("(00.1) a\n(00.2) Error (x): one\n(00.3) b\n".utf8)) == ["Error (x): one"])
        #expect(Criu.pick(from: Array("(00.1) a\nb\n".utf8)) == ["b"])
        #expect(Criu.pick(from: []) == [])
        let many = (0..<9).map { "Error \($0)\n" }.joined()
        #expect(Criu.pick(from: Array(many.utf8)) == ["Error 5", "Error 6", "Error 7", "Error 8"])
    }

    @Test("lines of mountinfo, with blanks in names") func mounts() {
        let text = "22 1 0:21 / / rw shared:1 - ext4 /dev/a rw\n23 22 0:3 / /a\\040b\\134c rw,nosuid - proc proc rw\nnonsense\n"
        let entries = MountEntry.parse(Array(text.utf8))
        #expect(entries.map(\.id) == [22, 23] && entries.map(\.parent) == [1, 22])
        #expect(entries.map(\.path) == ["/", "/a b\\c"] && entries.map(\.type) == ["ext4", "proc"])
    }
}

@Suite struct StreamTests {
    private func status(_ mode: UInt32, size: Int = 0) -> stat {
        var status = stat()
        status.st_mode = mode
        status.st_size = size
        return status
    }

    private func file(_ mode: UInt32, size: Int64 = 0, flags: Int32 = O_RDWR) -> Stream.File {
        .init(path: "/x", mode: mode, size: size, device: 1, inode: 2, flags: flags)
    }

    @Test("criu takes a device for a device, and a file of the same mode and size, or of any that is only appended to")
    func admits() {
        #expect(file(0o020666).admits(status(0o020666)) && !file(0o020666).admits(status(0o100600)))
        #expect(file(0o100600, size: 3).admits(status(0o100600, size: 3)))
        #expect(!file(0o100600, size: 3).admits(status(0o100600, size: 4)) && !file(0o100600).admits(status(0o100644)))
        #expect(file(0o100600, size: 3, flags: O_WRONLY | O_APPEND).admits(status(0o100600, size: 4)))
    }

    @Test("a file is opened again where it is the same, and not where another has its name")
    func reopened() throws {
        let path = "/tmp/cais-stream-\(getpid())"
        defer { unlink(path) }
        try Files.replace(path, with: Array("abc".utf8), durable: false)
        var there = stat()
        lstat(path, &there)
        let same = Stream.File(
            path: path, mode: there.st_mode, size: 3, device: UInt64(there.st_dev), inode: UInt64(there.st_ino), flags: O_WRONLY | O_APPEND)
        #expect(flags(of: same) == O_WRONLY | O_APPEND)
        var other = same
        other.inode += 1
        #expect(flags(of: other) == nil)
    }

    private func flags(of file: Stream.File) -> Int32? {
        guard let again = file.reopened() else { return nil }
        return cais_fcntl(again.rawValue, F_GETFL, 0) & (O_ACCMODE | O_APPEND)
    }
}
