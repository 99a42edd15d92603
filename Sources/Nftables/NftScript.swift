/// Commands for the packet filter in nft(8)'s language, composed from values. Pure.
package struct NftScript: Hashable, Sendable {
    /// One command a line, in the order they happen; the transaction is the whole.
    package private(set) var commands: [String] = []

    /// Starts empty.
    package init() {}

    /// What libnftables reads.
    package var text: String { commands.map { $0 + "\n" }.joined() }
    /// Whether there is nothing to do.
    package var isEmpty: Bool { commands.isEmpty }

    /// Appends another script.
    package mutating func append(_ other: NftScript) { commands += other.commands }

    /// Makes the table anew, empty, whatever was in it; atomic with what follows.
    package mutating func replaceTable(_ table: NftTable) {
        commands += ["add table \(table)", "delete table \(table)", "add table \(table)"]
    }

    /// Makes the table where it is not there, and takes all rules out of its chains. The chains stay
    /// hooked, so a packet meets the rules of before or of after the transaction, never none.
    package mutating func emptyTable(_ table: NftTable) { commands += ["add table \(table)", "flush table \(table)"] }

    /// Removes the table with all in it, whether or not it exists.
    package mutating func deleteTable(_ table: NftTable) { commands += ["add table \(table)", "delete table \(table)"] }

    /// Adds a set or map; `type` as nft writes it: `ipv4_addr . inet_service`.
    package mutating func add(_ kind: NftCollection.Kind, _ collection: NftCollection, type: String) {
        commands.append("add \(kind.rawValue) \(collection) { type \(type); }")
    }

    /// Takes all elements out of a set or map.
    package mutating func flush(_ kind: NftCollection.Kind, _ collection: NftCollection) {
        commands.append("flush \(kind.rawValue) \(collection)")
    }

    /// Adds a chain without a hook.
    package mutating func addChain(_ table: NftTable, _ chain: String) { commands.append("add chain \(table) \(chain)") }

    /// Adds a chain that the kernel enters at `hook`. Its policy is to accept: what it does not
    /// know is for others to decide.
    package mutating func addBaseChain(_ table: NftTable, _ chain: String, type: String, hook: String, priority: Int) {
        commands.append("add chain \(table) \(chain) { type \(type) hook \(hook) priority \(priority); policy accept; }")
    }

    /// Appends a rule to a chain.
    package mutating func addRule(_ table: NftTable, _ chain: String, _ rule: String) {
        commands.append("add rule \(table) \(chain) \(rule)")
    }

    /// Puts a rule before all others of a chain.
    package mutating func insertRule(_ table: NftTable, _ chain: String, _ rule: String) {
        commands.append("insert rule \(table) \(chain) \(rule)")
    }

    /// Puts elements into a set or map, all in one command; none is no command.
    package mutating func addElements(_ collection: NftCollection, _ elements: [String]) {
        if !elements.isEmpty { commands.append("add element \(collection) { \(elements.joined(separator: ", ")) }") }
    }

    /// Takes elements out of a set or map; each must be there.
    package mutating func deleteElements(_ collection: NftCollection, _ elements: [String]) {
        if !elements.isEmpty { commands.append("delete element \(collection) { \(elements.joined(separator: ", ")) }") }
    }

    /// Prints a table.
    package mutating func list(_ table: NftTable) { commands.append("list table \(table)") }
}

/// A table's family and name.
package struct NftTable: Hashable, Sendable, CustomStringConvertible {
    /// `ip`, `ip6`, `inet`, `bridge`, …
    package let family: String
    /// Its name, unique in the family.
    package let name: String

    /// Pairs family and name.
    package init(family: String, name: String) {
        self.family = family
        self.name = name
    }

    package var description: String { "\(family) \(name)" }
}

/// A set or map of a table.
package struct NftCollection: Hashable, Sendable, CustomStringConvertible {
    /// What it is.
    package enum Kind: String, Sendable {
        case set, map
    }

    /// Where it lives.
    package let table: NftTable
    /// Its name in the table.
    package let name: String

    /// Names a collection of a table.
    package init(_ table: NftTable, _ name: String) {
        self.table = table
        self.name = name
    }

    package var description: String { "\(table) \(name)" }
}
