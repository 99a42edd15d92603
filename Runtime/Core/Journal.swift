// Journal owns where the runtime's log lines go: a file of --log in text or JSON, and standard
// error. A warning never changes what happens.
import CLinux
import Linux
import OCISpec

/// Where log lines go. One for each process; init writes to the same descriptors until it executes the program.
package struct Journal: Sendable {
    /// The format of --log-format.
    package enum Format: String, Sendable, CaseIterable {
        case text, json
    }

    /// How much a line matters.
    package enum Level: String, Sendable {
        case debug, warning, error
    }

    private let descriptor: CInt
    private let format: Format
    private let isDebug: Bool

    /// Writes to `path`, made where missing and appended to, or to standard error.
    package init(path: String?, format: Format, isDebug: Bool) throws(Errno) {
        self.format = format
        self.isDebug = isDebug
        guard let path, !path.isEmpty else {
            descriptor = 2
            return
        }
        descriptor = try Files.open(path, flags: O_WRONLY | O_CREAT | O_APPEND, mode: 0o640).release()
    }

    /// Whether lines go to a file, so that a final error is worth repeating on standard error.
    package var isFile: Bool { descriptor != 2 }

    /// Whether lines are JSON.
    package var isJSON: Bool { format == .json }

    /// Writes one line. Failing to do so is not reported: there is nowhere to.
    package func write(_ level: Level, _ message: @autoclosure () -> String) {
        if level == .debug && !isDebug { return }
        let time = Clock.timestamp()
        var line: String
        switch format {
        case .text: line = "time=\"\(time)\" level=\(level.rawValue) msg=\(Journal.quoted(message()))\n"
        case .json: line = "{\"level\":\"\(level.rawValue)\",\"msg\":\(Journal.quoted(message())),\"time\":\"\(time)\"}\n"
        }
        line.withUTF8 { _ = CLinux.write(descriptor, $0.baseAddress, $0.count) }
    }

    /// Writes one line to standard error, for the person or program that called.
    package static func standardError(_ text: String) {
        var line = text + "\n"
        line.withUTF8 { _ = CLinux.write(2, $0.baseAddress, $0.count) }
    }

    /// As a JSON string, which is also what readers of text logs expect.
    static func quoted(_ text: String) -> String {
        // Encoding a string cannot fail; an unquoted line is better than none.
        (try? JSON.encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? text
    }
}
