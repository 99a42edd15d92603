/// One flag of a verb: its names, what it takes, and how help, completion and manual speak of it.
/// It knows nothing of the program that reads it. The tables are plain values, built only for the
/// verb that was called, so that a program pays for the flags it uses.
package struct Flag: Sendable {
    /// What a flag takes and how often.
    package enum Kind: Sendable, Hashable {
        /// Nothing, or `=true`/`=false`; the last one counts.
        case bool
        /// One text; the last one counts.
        case string
        /// A text each time it is given; all of them count.
        case list
        /// A signed whole number of so many bits; the last one counts.
        case signed(bits: Int)
        /// A whole number from zero, of so many bits; the last one counts.
        case unsigned(bits: Int)
    }

    /// Says why a value is wrong, or nil where it is right.
    package typealias Check = @Sendable (String) -> String?

    /// Its long name, without dashes.
    package let name: String
    /// Its one-letter name.
    package let short: Character?
    /// Older long names that mean the same; they are not shown.
    package let aliases: [String]
    /// What it takes.
    package let kind: Kind
    /// The word for its value in help; empty for a bool.
    package let valueName: String
    /// Its value where it is not given.
    package let fallback: String?
    /// Why a value is wrong.
    package let check: Check?
    /// One sentence on what it does.
    package let help: String
    /// The theme under which help shows it; nil stands under "Options".
    package let group: String?
    /// Whether help, completion and manual leave it out.
    package let hidden: Bool
    /// What its value may be, for completion.
    package let candidates: Candidates

    /// A flag that is on or off.
    package static func bool(
        _ name: String, short: Character? = nil, default fallback: Bool = false, aliases: [String] = [],
        group: String? = nil, hidden: Bool = false, check: Check? = nil, _ help: String
    ) -> Flag {
        Flag(
            name: name, short: short, aliases: aliases, kind: .bool, valueName: "", fallback: fallback ? "true" : nil,
            check: check, help: help, group: group, hidden: hidden, candidates: .none)
    }

    /// A flag with one text.
    package static func string(
        _ name: String, short: Character? = nil, value: String = "string", default fallback: String? = nil,
        aliases: [String] = [], group: String? = nil, hidden: Bool = false, candidates: Candidates = .none,
        check: Check? = nil, _ help: String
    ) -> Flag {
        Flag(
            name: name, short: short, aliases: aliases, kind: .string, valueName: value, fallback: fallback,
            check: check, help: help, group: group, hidden: hidden, candidates: candidates)
    }

    /// A flag that may be given many times.
    package static func list(
        _ name: String, short: Character? = nil, value: String = "list", aliases: [String] = [],
        group: String? = nil, hidden: Bool = false, candidates: Candidates = .none, check: Check? = nil, _ help: String
    ) -> Flag {
        Flag(
            name: name, short: short, aliases: aliases, kind: .list, valueName: value, fallback: nil,
            check: check, help: help, group: group, hidden: hidden, candidates: candidates)
    }

    /// A flag with a signed whole number.
    package static func int(
        _ name: String, short: Character? = nil, bits: Int = 64, default fallback: Int? = nil, aliases: [String] = [],
        group: String? = nil, hidden: Bool = false, _ help: String
    ) -> Flag {
        Flag(
            name: name, short: short, aliases: aliases, kind: .signed(bits: bits), valueName: "int",
            fallback: fallback.map { String($0) }, check: nil, help: help, group: group, hidden: hidden, candidates: .none)
    }

    /// A flag with a whole number from zero.
    package static func uint(
        _ name: String, short: Character? = nil, bits: Int = 64, default fallback: UInt? = nil, aliases: [String] = [],
        group: String? = nil, hidden: Bool = false, _ help: String
    ) -> Flag {
        Flag(
            name: name, short: short, aliases: aliases, kind: .unsigned(bits: bits), valueName: bits == 64 ? "uint" : "uint\(bits)",
            fallback: fallback.map { String($0) }, check: nil, help: help, group: group, hidden: hidden, candidates: .none)
    }

    /// The same flag under a theme; for tables written group by group.
    package func grouped(_ title: String) -> Flag {
        Flag(
            name: name, short: short, aliases: aliases, kind: kind, valueName: valueName, fallback: fallback,
            check: check, help: help, group: title, hidden: hidden, candidates: candidates)
    }
}

/// Where a shell finds the words that may stand in a place.
package enum Candidates: Sendable, Hashable {
    /// Nothing is known.
    case none
    /// A file.
    case files
    /// A directory.
    case directories
    /// One of these words.
    case words([String])
    /// Each word of what this shell command prints.
    case command(String)
}

/// Gives every flag of a list the same theme.
package func group(_ title: String, _ flags: [Flag]) -> [Flag] { flags.map { $0.grouped(title) } }
