/// One command of a program: its words, flags and arguments, and what the program does for it, as a
/// case of the program's own enum, so that its dispatch is one exhaustive switch. Here that is a
/// number: a type with a parameter is made when it is first used, in each start of the program.
package struct Verb: Sendable {
    /// Its word.
    package let name: String
    /// Other words for it.
    package let aliases: [String]
    /// One line about it.
    package let summary: String
    /// What follows its words in the usage line, e.g. `[OPTIONS] CONTAINER [CONTAINER...]`.
    package let usage: String
    /// Paragraphs for its help and manual page.
    package let details: String
    /// Full spellings under which the same thing can be called, for help.
    package let spellings: [String]
    /// How many arguments it takes.
    package let arity: Arity
    /// Whether everything from its first argument on is an argument, dashes or not.
    package let endsAtArgument: Bool
    /// The heading under which its parent's help lists it.
    package let group: String?
    /// Whether help and completion leave it out.
    package let hidden: Bool
    /// What its arguments may be, for completion.
    package let candidates: Candidates
    /// What the program does, by its raw value; nil for a noun, which only has verbs below it.
    let action: Int?

    private let makeFlags: @Sendable () -> [Flag]
    private let makeVerbs: @Sendable () -> [Verb]

    /// Its flags, in the order of help.
    package var flags: [Flag] { makeFlags() }
    /// The verbs below it.
    package var verbs: [Verb] { makeVerbs() }

    /// A verb that does something.
    package init<Action: RawRepresentable>(
        _ name: String, aliases: [String] = [], _ summary: String, usage: String = "[OPTIONS]", details: String = "",
        spellings: [String] = [], arity: Arity = .none, endsAtArgument: Bool = false, group: String? = nil,
        hidden: Bool = false, candidates: Candidates = .none, action: Action,
        flags: @autoclosure @escaping @Sendable () -> [Flag] = [],
        verbs: @autoclosure @escaping @Sendable () -> [Verb] = []
    ) where Action.RawValue == Int {
        self.name = name
        self.aliases = aliases
        self.summary = summary
        self.usage = usage
        self.details = details
        self.spellings = spellings
        self.arity = arity
        self.endsAtArgument = endsAtArgument
        self.group = group
        self.hidden = hidden
        self.candidates = candidates
        self.action = action.rawValue
        makeFlags = flags
        makeVerbs = verbs
    }

    /// A noun: a word with verbs below it. A program's root is one too, unless it acts by itself.
    package init(
        noun name: String, aliases: [String] = [], _ summary: String, usage: String = "COMMAND", details: String = "",
        group: String? = nil, hidden: Bool = false, flags: @autoclosure @escaping @Sendable () -> [Flag] = [],
        verbs: @autoclosure @escaping @Sendable () -> [Verb]
    ) {
        self.name = name
        self.aliases = aliases
        self.summary = summary
        self.usage = usage
        self.details = details
        self.group = group
        self.hidden = hidden
        spellings = []
        arity = .any
        endsAtArgument = true
        candidates = .none
        action = nil
        makeFlags = flags
        makeVerbs = verbs
    }

    /// The verb below it that `word` names.
    func verb(named word: String) -> Verb? {
        verbs.first { $0.answers(to: word) }
    }

    /// Whether `word` names it.
    func answers(to word: String) -> Bool { name == word || aliases.contains(word) }
}

/// How many arguments a verb takes.
package enum Arity: Sendable, Hashable {
    /// None at all.
    case none
    /// As many as one likes.
    case any
    /// Exactly so many.
    case exactly(Int)
    /// So many or more.
    case atLeast(Int)
    /// So many or fewer.
    case atMost(Int)
    /// From the first to the second.
    case between(Int, Int)

    /// Whether `count` arguments are right.
    func allows(_ count: Int) -> Bool {
        switch self {
        case .none: count == 0
        case .any: true
        case .exactly(let wanted): count == wanted
        case .atLeast(let low): count >= low
        case .atMost(let high): count <= high
        case .between(let low, let high): (low...high).contains(count)
        }
    }
}
