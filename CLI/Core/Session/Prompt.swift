import CLinux

/// A question that is answered with one letter.
package enum Prompt {
    /// Asks on standard output; only `y` or `Y` in front is a yes, and the end of input is a no.
    package static func confirm(_ question: String) -> Bool {
        Output.text(question)
        guard let line = readLine() else { return false }
        return line.trimmed.lowercased() == "y"
    }
}
