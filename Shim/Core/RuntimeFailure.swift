import CLinux
import Faults
import OCISpec

// RuntimeFailure reads what a runtime said when it failed. Runtimes have exit code 1 for
// everything, so the words decide; they are runc's, crun's and our own.

/// What a failed runtime meant.
package enum RuntimeFailure {
    private struct Entry: Decodable {
        var level: String?
        var msg: String?
    }

    /// The last error in a runtime's JSON log, nil where there is none.
    package static func lastError(inLog text: [UInt8]) -> String? {
        for line in text.split(separator: UInt8(ascii: "\n")).reversed() {
            // A line that is no JSON is somebody else's; the next may be.
            guard let entry = try? JSON.decode(Entry.self, from: Array(line)), let message = entry.msg else { continue }
            if entry.level == "error" || entry.level == "fatal" { return message }
        }
        return nil
    }

    /// The last line of text that is not empty, as a runtime without a log leaves on standard error.
    package static func lastLine(of text: String) -> String? {
        text.split(whereSeparator: \.isNewline).last { $0.contains { !$0.isWhitespace } }.map(String.init)
    }

    /// What a message means for the one who asked to run `command`.
    package static func kind(of message: String, command: String?) -> FaultKind {
        let text = message.lowercased()
        if has(text, "executable file") && has(text, "not found") { return .commandNotFound }
        guard let command, speaksOf(command.lowercased(), text) else { return .failed }
        if has(text, "no such file or directory") || has(text, "not a directory") { return .commandNotFound }
        let refusals = ["permission denied", "operation not permitted", "is a directory", "exec format error"]
        return refusals.contains { has(text, $0) } ? .commandNotExecutable : .failed
    }

    /// Whether the message is about executing the command, and not about a mount that also lacks a file.
    private static func speaksOf(_ command: String, _ text: String) -> Bool {
        if has(text, "open executable") { return true }
        guard has(text, "exec") else { return false }
        return ["\"\(command)\"", "`\(command)`", "'\(command)'", "exec \(command)", "execute \(command)"].contains { has(text, $0) }
    }

    private static func has(_ text: String, _ part: String) -> Bool { strstr(text, part) != nil }
}
