// PassedDescriptors owns which descriptors of the runtime's caller the program gets: sockets that a
// service manager listens on (sd_listen_fds(3)), and after them those of --preserve-fds.
import CLinux
import Faults

package struct PassedDescriptors: Sendable {
    /// The most descriptors of either kind.
    static let countMax = 1_024

    /// How many sockets the caller listens on, from descriptor 3.
    let listening: Int
    /// What they are called, colons between (LISTEN_FDNAMES).
    let names: String?
    /// How many others follow.
    let preserved: Int

    /// None.
    package init() { (listening, names, preserved) = (0, nil, 0) }

    /// What the environment of this process says is passed to it, and `preserved` more.
    /// - Throws: `.invalidArgument` for one that the caller did not open.
    package init(preserved: Int) throws(Fault) {
        listening = PassedDescriptors.listeningHere
        names = listening > 0 ? getenv("LISTEN_FDNAMES").map { String(cString: $0) } : nil
        self.preserved = preserved
        guard preserved <= PassedDescriptors.countMax else {
            throw Fault(.invalidArgument, "--preserve-fds \(preserved) is more than \(PassedDescriptors.countMax)")
        }
        for number in 3..<(3 + count) {
            // Every descriptor of the runtime's own is close-on-exec, and none that came by execve(2)
            // is: so this also keeps the program from getting what the runtime has opened since.
            let flags = cais_fcntl(CInt(number), F_GETFD, 0)
            guard flags >= 0, flags & FD_CLOEXEC == 0 else {
                throw Fault(.invalidArgument, "descriptor \(number) is to be passed to the program and is not open: \(count) from descriptor 3 on are needed")
            }
        }
    }

    /// All of them.
    var count: Int { listening + preserved }

    /// The environment with what tells the program of its sockets. Called in the process that
    /// becomes the program: the number that has to be there is its own, in its own pid namespace.
    func tell(_ environment: [String]) -> [String] {
        guard listening > 0 else { return environment }
        var told = environment.filter { line in !["LISTEN_FDS=", "LISTEN_PID=", "LISTEN_FDNAMES="].contains { line.hasPrefix($0) } }
        told += ["LISTEN_FDS=\(listening)", "LISTEN_PID=\(getpid())"]
        if let names { told.append("LISTEN_FDNAMES=\(names)") }
        return told
    }

    private static var listeningHere: Int {
        guard let pid = getenv("LISTEN_PID"), String(cString: pid) == String(getpid()), let text = getenv("LISTEN_FDS"),
            let count = Int(String(cString: text)), count > 0, count <= countMax
        else { return 0 }
        return count
    }
}
