import CLinux
import Faults
import Linux

/// `--env-file` and `--label-file`: one `NAME=value` a line.
package enum EnvironmentFiles {
    /// The variables of `files`, then those of `given`; a name alone takes the client's value.
    /// - Throws: `invalidArgument` in docker's words for a file that cannot be read or understood.
    package static func environment(files: [String], given: [String]) throws(Fault) -> [String] {
        var result: [String] = []
        for file in files { result += try lines(of: file).compactMap { $0.contains("=") ? $0 : inherited($0) } }
        return result + given.map { $0.contains("=") ? $0 : inherited($0) ?? $0 }
    }

    /// The labels of `files`, then those of `given`.
    package static func labels(files: [String], given: [String]) throws(Fault) -> [String: String] {
        var result: [String: String] = [:]
        for file in files {
            for line in try lines(of: file) { add(line, to: &result) }
        }
        for label in given { add(label, to: &result) }
        return result
    }

    /// `key=value` words as a map; a word alone has an empty value.
    package static func map(_ words: [String]) -> [String: String] {
        var result: [String: String] = [:]
        for word in words { add(word, to: &result) }
        return result
    }

    private static func add(_ word: String, to map: inout [String: String]) {
        let (key, value) = word.cut("=")
        map[key] = value ?? ""
    }

    private static func inherited(_ name: String) -> String? { Environment.get(name).map { "\(name)=\($0)" } }

    private static func lines(of path: String) throws(Fault) -> [String] {
        let bytes: [UInt8]
        do throws(Errno) { bytes = try Files.open(path).readAll(limit: 16 << 20) } catch {
            throw Fault(.invalidArgument, "open \(path): \(error.description.lowercasedFirst)", errno: error.rawValue)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw Fault(.invalidArgument, "invalid env file (\(path)): invalid utf8 bytes") }
        let plain = text.hasPrefix("\u{FEFF}") ? text.dropFirst() : text[...]
        var result: [String] = []
        for line in plain.split(whereSeparator: \.isNewline) {
            let line = line.drop(while: \.isWhitespace)
            guard !line.isEmpty, !line.hasPrefix("#") else { continue }
            let name = line.cut("=").before
            if name.isEmpty { throw Fault(.invalidArgument, "invalid env file (\(path)): no variable name on line '\(line)'") }
            if name.contains(where: \.isWhitespace) { throw Fault(.invalidArgument, "invalid env file (\(path)): variable '\(name)' contains whitespaces") }
            result.append(String(line))
        }
        return result
    }
}

/// The client's environment.
package enum Environment {
    /// The value of a variable; nil where it is not set.
    package static func get(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}

extension String {
    /// As Go writes the texts of errno.
    var lowercasedFirst: String { prefix(1).lowercased() + dropFirst() }
}
