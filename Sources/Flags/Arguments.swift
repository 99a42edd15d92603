/// What a command line said to one verb, read by the names of its flags. Asking for a flag that
/// the verb does not declare is a mistake in the program and traps.
package struct Arguments: Sendable {
    /// What is not a flag, in order.
    package internal(set) var positional: [String] = []
    /// How many of ``positional`` stood before a `--`; nil where there was none.
    package internal(set) var countBeforeDashes: Int?

    /// What was given, in order: the name of the flag, and at the same place its text. Not a dictionary:
    /// a handful is found as fast by looking, and a type that is used once costs its making.
    private var names: [String] = []
    private var texts: [String] = []
    private let flags: [Flag]

    init(flags: [Flag]) { self.flags = flags }

    /// Whether the flag was given.
    package func isSet(_ name: String) -> Bool {
        _ = declared(name)
        return names.contains(name)
    }

    /// The value of a bool.
    package func bool(_ name: String) -> Bool { text(name) == "true" }

    /// The last text given, its default, or the empty string.
    package func string(_ name: String) -> String { text(name) ?? "" }

    /// The last text given or its default; nil where there is neither.
    package func optional(_ name: String) -> String? { text(name) }

    /// Every text given, in order.
    package func strings(_ name: String) -> [String] {
        _ = declared(name)
        return texts.indices.filter { names[$0] == name }.map { texts[$0] }
    }

    /// The number given or its default; nil where there is neither.
    package func int(_ name: String) -> Int? { text(name).flatMap { Number.signed($0, bits: 64).value.map { Int($0) } } }

    /// The number given or its default, of a flag from zero on.
    package func uint(_ name: String) -> UInt? { text(name).flatMap { Number.unsigned($0, bits: 64).value.map { UInt($0) } } }

    mutating func record(_ flag: Flag, _ value: String) {
        if flag.kind != .list, let earlier = names.firstIndex(of: flag.name) {
            texts[earlier] = value
        } else {
            names.append(flag.name)
            texts.append(value)
        }
    }

    private func text(_ name: String) -> String? {
        let flag = declared(name)
        return names.lastIndex(of: name).map { texts[$0] } ?? flag.fallback
    }

    private func declared(_ name: String) -> Flag {
        guard let flag = flags.first(where: { $0.name == name }) else { preconditionFailure("the verb has no flag --\(name)") }
        return flag
    }
}
