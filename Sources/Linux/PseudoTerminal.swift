import CLinux

/// Pseudo-terminals made by descriptor (pty(7)): no name is looked up after the multiplexer was opened.
public enum PseudoTerminal {
    /// The type of the devpts file system (statfs(2)).
    public static let fileSystemType = 0x1cd1

    /// The two ends of a new terminal.
    public struct Pair: ~Copyable, Sendable {
        /// The end that the supervisor holds.
        public var master: FileDescriptor
        /// The end that the program has as its standard streams.
        public var terminal: FileDescriptor

        /// Takes the pair apart into descriptors that the caller closes.
        public consuming func split() -> (master: CInt, terminal: CInt) { (master.release(), terminal.release()) }
    }

    /// Makes one out of an opened multiplexer (`ptmx`), which becomes its master end. The other
    /// end comes by TIOCGPTPEER and so from the same devpts, whatever its path leads to.
    public static func make(from multiplexer: consuming FileDescriptor) throws(Errno) -> Pair {
        let master = multiplexer
        let number = master.rawValue
        var unlock: CInt = 0
        try call { cais_ioctl_ptr(number, cais_tiocsptlck, &unlock) }
        let terminal = FileDescriptor(owning: try call { cais_ioctl_int(number, cais_tiocgptpeer, Int(O_RDWR | O_NOCTTY | O_CLOEXEC)) })
        return Pair(master: master, terminal: terminal)
    }

    /// Lets line feeds through as they are (ONLCR off): whoever holds the master decides about carriage returns.
    public static func clearCarriageReturns(_ terminal: borrowing FileDescriptor) throws(Errno) {
        var settings = termios()
        let number = terminal.rawValue
        try call { tcgetattr(number, &settings) }
        settings.c_oflag &= ~tcflag_t(ONLCR)
        try call { tcsetattr(number, TCSANOW, &settings) }
    }

    /// Sets the window's size (TIOCSWINSZ).
    public static func resize(_ terminal: CInt, height: UInt16, width: UInt16) throws(Errno) {
        var size = winsize(ws_row: height, ws_col: width, ws_xpixel: 0, ws_ypixel: 0)
        try call { cais_ioctl_ptr(terminal, UInt(TIOCSWINSZ), &size) }
    }

    /// Makes it the controlling terminal of this session leader (TIOCSCTTY).
    public static func makeControlling(_ terminal: CInt) throws(Errno) {
        try call { cais_ioctl_int(terminal, UInt(TIOCSCTTY), 0) }
    }
}
