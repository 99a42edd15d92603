// MountOptions owns what the words in a mount's `options` mean. It is pure: which of them a
// mount ends up using is decided when its plan is made.
import Linux

/// The options of one mount, sorted by what they act on.
struct MountOptions: Hashable, Sendable {
    /// What the source is taken as.
    enum Shape: Hashable, Sendable {
        case fileSystem
        case bind(recursive: Bool)
    }

    /// Whose id mapping the mount has.
    enum IDMapping: Hashable, Sendable {
        case none
        case mapped(recursive: Bool)
    }

    /// A change of propagation.
    struct PropagationChange: Hashable, Sendable {
        let propagation: Propagation
        let recursive: Bool

        init(propagation: Propagation, recursive: Bool) { (self.propagation, self.recursive) = (propagation, recursive) }

        /// Nil where the word is not about propagation.
        init?(_ word: String) {
            let rest = MountOptions.afterR(word)
            switch rest ?? word {
            case "private": propagation = .private
            case "shared": propagation = .shared
            case "slave": propagation = .slave
            case "unbindable": propagation = .unbindable
            default: return nil
            }
            recursive = rest != nil
        }
    }

    /// A word for properties of a mount.
    struct AttributeWord: Sendable {
        let word: String
        let attributes: MountAttributes
        let isOn: Bool

        init(_ word: String, _ attributes: MountAttributes, _ isOn: Bool) { (self.word, self.attributes, self.isOn) = (word, attributes, isOn) }
    }

    var shape = Shape.fileSystem
    var remount = false
    /// Of this mount alone.
    var set: MountAttributes = []
    var clear: MountAttributes = []
    /// Of this mount and all beneath it.
    var recursiveSet: MountAttributes = []
    var recursiveClear: MountAttributes = []
    /// In the order given.
    var propagation: [PropagationChange] = []
    /// Words of the file system, and those of the kernel that act on a file system as a whole.
    var parameters: [Mount.Parameter] = []
    var idMapping = IDMapping.none
    var copyUp = false

    /// Reads the words in their order; a later word overrides an earlier one.
    init(_ words: [String] = []) {
        for word in words { add(word) }
    }

    private mutating func add(_ word: String) {
        if MountOptions.withoutEffect.contains(word) { return }
        if let meaning = MountOptions.attributeWords.first(where: { $0.word == word }) { return change(meaning.attributes, on: meaning.isOn) }
        if let rest = MountOptions.afterR(word), let meaning = MountOptions.attributeWords.first(where: { $0.word == rest }) {
            return changeRecursively(meaning.attributes, on: meaning.isOn)
        }
        if let change = PropagationChange(word) { return propagation.append(change) }
        switch word {
        case "bind": shape = .bind(recursive: false)
        case "rbind": shape = .bind(recursive: true)
        case "remount": remount = true
        case "tmpcopyup": copyUp = true
        case "idmap": idMapping = .mapped(recursive: false)
        case "ridmap": idMapping = .mapped(recursive: true)
        case "sync", "dirsync", "lazytime", "mand": parameters.append(.flag(word))
        case "async": parameters.removeAll { $0 == .flag("sync") }
        case "nolazytime": parameters.removeAll { $0 == .flag("lazytime") }
        case "nomand": parameters.removeAll { $0 == .flag("mand") }
        default: parameters.append(MountOptions.parameter(word))
        }
    }

    /// A word of the file system's own: `size=64k` or `newinstance`.
    static func parameter(_ word: String) -> Mount.Parameter {
        guard let equals = word.firstIndex(of: "=") else { return .flag(word) }
        return .value(String(word[..<equals]), String(word[word.index(after: equals)...]))
    }

    /// The access time's three values exclude each other, and the kernel wants the whole field
    /// cleared with each change of it.
    private static func widened(_ attributes: MountAttributes, on: Bool) -> (set: MountAttributes, clear: MountAttributes) {
        let accessTime = attributes.intersection(.accessTimeField)
        let isField = !accessTime.isEmpty || attributes.isEmpty
        if on { return (attributes, isField ? .accessTimeField : []) }
        return ([], isField ? .accessTimeField : attributes)
    }

    private mutating func change(_ attributes: MountAttributes, on: Bool) {
        let (set, clear) = MountOptions.widened(attributes, on: on)
        self.set = self.set.subtracting(clear).subtracting(on ? [] : attributes).union(set)
        self.clear = self.clear.subtracting(set.subtracting(.accessTimeField)).union(clear)
    }

    private mutating func changeRecursively(_ attributes: MountAttributes, on: Bool) {
        let (set, clear) = MountOptions.widened(attributes, on: on)
        recursiveSet = recursiveSet.subtracting(clear).subtracting(on ? [] : attributes).union(set)
        recursiveClear = recursiveClear.subtracting(set.subtracting(.accessTimeField)).union(clear)
    }

    /// Words for properties of a mount; with a leading `r` they are for all mounts beneath too.
    /// `relatime` is the absence of the two others.
    static let attributeWords = [
        AttributeWord("ro", .readOnly, true), .init("rw", .readOnly, false), .init("nosuid", .noSetUID, true), .init("suid", .noSetUID, false),
        .init("nodev", .noDevices, true), .init("dev", .noDevices, false), .init("noexec", .noExecute, true), .init("exec", .noExecute, false),
        .init("noatime", .noAccessTime, true), .init("atime", .noAccessTime, false),
        .init("nodiratime", .noDirectoryAccessTime, true), .init("diratime", .noDirectoryAccessTime, false),
        .init("relatime", [], true), .init("norelatime", [], false),
        .init("strictatime", .strictAccessTime, true), .init("nostrictatime", .strictAccessTime, false),
        .init("nosymfollow", .noFollow, true), .init("symfollow", .noFollow, false),
    ]

    /// What follows an `r` at the beginning; nil where there is none.
    private static func afterR(_ word: String) -> String? {
        word.utf8.first == UInt8(ascii: "r") ? String(decoding: word.utf8.dropFirst(), as: UTF8.self) : nil
    }

    /// Words that ask for what is so anyway: `iversion` is on by itself in each file system that
    /// has it (kernel 5.x), and messages go to the caller, not to the kernel's log.
    static let withoutEffect = ["defaults", "silent", "loud", "iversion", "noiversion"]

    /// Every word above: what `features` tells.
    static var allWords: [String] {
        let others = [
            "async", "bind", "dirsync", "idmap", "lazytime", "mand", "nolazytime", "nomand", "rbind", "remount", "ridmap", "sync",
            "tmpcopyup",
        ]
        let twofold = attributeWords.map(\.word) + ["private", "shared", "slave", "unbindable"]
        return (others + withoutEffect + twofold + twofold.map { "r" + $0 }).sorted()
    }
}
