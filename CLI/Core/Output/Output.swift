import CLinux
import EngineAPI
import Faults
import Linux

/// Standard output and error, without buffers: a line is one write(2).
package enum Output {
    /// Prints `text` and a line's end on standard output.
    package static func line(_ text: String) { write(Array((text + "\n").utf8), to: STDOUT_FILENO) }

    /// Prints `text` as it is on standard output.
    package static func text(_ text: String) { write(Array(text.utf8), to: STDOUT_FILENO) }

    /// Prints `text` and a line's end on standard error.
    package static func error(_ text: String) { write(Array((text + "\n").utf8), to: STDERR_FILENO) }

    /// Writes all of `bytes`.
    package static func write(_ bytes: [UInt8], to descriptor: CInt) { bytes.withUnsafeBytes { write($0, to: descriptor) } }

    /// Writes a frame's payload to where its stream belongs.
    package static func write(_ stream: StreamFraming.Stream, of payload: UnsafeRawBufferPointer) {
        switch stream {
        case .stdin, .stdout: write(payload, to: STDOUT_FILENO)
        case .stderr, .systemError: write(payload, to: STDERR_FILENO)
        }
    }

    /// Writes all of `bytes`. Output that nobody can take ends the program, as SIGPIPE would have.
    package static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: CInt) {
        var sent = 0
        while sent < bytes.count {
            let count = CLinux.write(descriptor, bytes.baseAddress! + sent, bytes.count - sent)  // Safe because a buffer with bytes has a base.
            if count >= 0 {
                sent += count
            } else if Errno.current == .again {
                var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = CLinux.poll(&poll, 1, -1)
            } else if Errno.current != .interrupted {
                exit(1)
            }
        }
    }
}

extension StreamDemultiplexer {
    /// Prints the payload in `bytes` where its streams belong.
    package mutating func print(_ bytes: [UInt8]) throws(Fault) {
        var failure: Fault?
        bytes.withUnsafeBytes { buffer in
            do throws(Fault) { try push(buffer, Output.write(_:of:)) } catch { failure = error }
        }
        if let failure { throw failure }
    }
}
