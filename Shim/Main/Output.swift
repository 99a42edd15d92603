import CLinux
import Linux

// Output writes what this program has to say: at once and whole, without the C library's streams.

/// Standard output and standard error.
enum Output {
    /// Writes `text`. Who has closed the other end does not want the rest.
    static func put(_ text: String, on number: CInt = 1) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(number, $0.baseAddress, $0.count) }
            if count < 0 && Errno.current != .interrupted && Errno.current != .again { return }
            rest = rest.dropFirst(max(0, count))
        }
    }
}
