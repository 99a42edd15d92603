import CLinux
import Faults
import Linux

/// The user's terminal: whether there is one, its size, and raw mode with a way back.
package enum Terminal {
    /// Width and height in characters.
    package struct Size: Sendable, Hashable {
        /// Rows.
        package let height: Int
        /// Columns.
        package let width: Int
    }

    /// Settings to go back to.
    package struct Settings: Sendable {
        let descriptor: CInt
        let saved: termios
    }

    /// Whether `descriptor` is a terminal.
    package static func isTerminal(_ descriptor: CInt) -> Bool { isatty(descriptor) == 1 }

    /// The window's size; nil where `descriptor` is no terminal or does not say.
    package static func size(_ descriptor: CInt) -> Size? {
        var window = winsize()
        guard cais_ioctl_ptr(descriptor, UInt(TIOCGWINSZ), &window) == 0, window.ws_row > 0 || window.ws_col > 0 else { return nil }
        return Size(height: Int(window.ws_row), width: Int(window.ws_col))
    }

    /// Hands every key to the container. Output goes on being processed as the terminal wants only
    /// where it is not the same device, which raw mode does not know; so it is switched off too.
    package static func makeRaw(_ descriptor: CInt) throws(Fault) -> Settings {
        var settings = termios()
        guard tcgetattr(descriptor, &settings) == 0 else { throw failure("read") }
        let before = Settings(descriptor: descriptor, saved: settings)
        cfmakeraw(&settings)
        guard tcsetattr(descriptor, TCSANOW, &settings) == 0 else { throw failure("change") }
        return before
    }

    /// Undoes ``makeRaw(_:)``; a terminal that has gone away needs nothing.
    package static func restore(_ settings: Settings) {
        var saved = settings.saved
        _ = tcsetattr(settings.descriptor, TCSANOW, &saved)
    }

    private static func failure(_ verb: String) -> Fault {
        let error = Errno.current
        return Fault(.failed, "\(verb) the terminal's settings: \(error)", errno: error.rawValue)
    }
}
