import EngineAPI
import Faults
import OCISpec

/// Prints a stream of progress messages: on a terminal one line for each thing, kept up to date in
/// place; elsewhere only what is new.
package struct ProgressPrinter {
    private let onTerminal: Bool
    private let width: Int
    private let isQuiet: Bool
    private let descriptor: CInt
    private var lines: [String] = []
    private var buffer: [UInt8] = []

    /// A printer on a terminal of this width, or on none; a quiet one only watches for errors.
    package init(terminalWidth: Int?, quiet: Bool = false, to descriptor: CInt = 1) {
        onTerminal = terminalWidth != nil
        isQuiet = quiet
        self.descriptor = descriptor
        width = terminalWidth ?? 80
    }

    /// Takes the next bytes of the stream.
    /// - Throws: the error that the engine reports in the stream.
    package mutating func push(_ bytes: [UInt8]) throws(Fault) {
        buffer += bytes
        while let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
            let line = Array(buffer[..<end])
            buffer.removeSubrange(...end)
            try show(line)
        }
        // An engine may end a message without a line's end.
        if buffer.last == UInt8(ascii: "}"), let message = try? JSON.decode(JSONMessage.self, from: buffer) {  // Not complete yet: then wait.
            buffer = []
            try show(message)
        }
    }

    private mutating func show(_ line: [UInt8]) throws(Fault) {
        guard line.contains(where: { $0 > 0x20 }) else { return }
        try show(try JSON.decode(JSONMessage.self, from: line))
    }

    private mutating func show(_ message: JSONMessage) throws(Fault) {
        if let detail = message.errorDetail { throw Fault(.failed, detail.message.isEmpty ? message.error : detail.message) }
        if !message.error.isEmpty { throw Fault(.failed, message.error) }
        if isQuiet { return }
        if !message.stream.isEmpty { return print(message.stream) }
        guard !message.status.isEmpty else { return }
        let progress = message.progressDetail.map { bar($0) } ?? ""
        // Without a terminal a bar that moves would be a line for each step.
        if !onTerminal, !progress.isEmpty { return }
        let text = (message.id.isEmpty ? "" : "\(message.id): ") + message.status + (progress.isEmpty ? "" : " \(progress)")
        guard onTerminal, !message.id.isEmpty else { return print(text + "\n") }
        replaceLine(of: message.id, with: text)
    }

    private mutating func replaceLine(of id: String, with text: String) {
        if let index = lines.firstIndex(of: id) {
            let up = lines.count - index
            print("\u{1B}[\(up)A\u{1B}[2K\r\(text)\u{1B}[\(up)B\r")
        } else {
            lines.append(id)
            print(text + "\n")
        }
    }

    private func print(_ text: String) { Output.write(Array(text.utf8), to: descriptor) }

    /// `[=====>     ]  1.2MB/3.4MB`
    private func bar(_ detail: ProgressDetail) -> String {
        guard detail.current > 0 || detail.total > 0 else { return "" }
        guard detail.total > 0 else { return ByteSize.describe(detail.current) }
        let done = Int(min(50, detail.current * 50 / detail.total))
        let drawn = width > 110 ? "[" + String(repeating: "=", count: done) + ">" + String(repeating: " ", count: max(0, 50 - done)) + "] " : ""
        return drawn + " \(ByteSize.describe(detail.current))/\(ByteSize.describe(detail.total))"
    }
}
