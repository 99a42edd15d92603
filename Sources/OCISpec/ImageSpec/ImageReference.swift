import Faults

/// The name of an image in Docker's grammar: `[domain/]path[:tag][@digest]`. A short name and the
/// full one it stands for are the same value: `alpine` is `docker.io/library/alpine`.
public struct ImageReference: Hashable, Sendable, CustomStringConvertible {
    /// The registry's host and port; `docker.io` where none was written.
    public let domain: String
    /// The repository at the registry; Docker Hub's official images are in `library/`.
    public let path: String
    /// The tag, where one was written.
    public let tag: String?
    /// The digest, where one was written.
    public let digest: Digest?

    /// The registry of names that name none.
    public static let defaultDomain = "docker.io"
    /// The tag of names that have none.
    public static let defaultTag = "latest"
    /// The most bytes of domain and path together.
    public static let nameBytesMax = 255

    /// Reads a reference as people write it.
    /// - Throws: `.invalidArgument` in Docker's words.
    public init(parsing text: String) throws(Fault) {
        guard text.utf8.count != 64 || !text.utf8.allSatisfy(Self.isHex) else {
            throw Fault(.invalidArgument, "invalid repository name (\(text)), cannot specify 64-byte hexadecimal strings")
        }
        var rest = Substring(text)
        var digest: Digest?
        if let at = rest.firstIndex(of: "@") {
            do { digest = try Digest(parsing: String(rest[rest.index(after: at)...])) } catch { throw Self.malformed }
            rest = rest[..<at]
        }
        var tag: String?
        let lastSlash = rest.lastIndex(of: "/") ?? rest.startIndex
        if let colon = rest[lastSlash...].lastIndex(of: ":") {
            tag = String(rest[rest.index(after: colon)...])
            rest = rest[..<colon]
        }
        let (domain, path) = Self.split(rest)
        try self.init(domain: domain, path: path, tag: tag, digest: digest)
    }

    private init(domain: String, path: String, tag: String?, digest: Digest?) throws(Fault) {
        guard !path.isEmpty else { throw Self.malformed }
        guard !path.utf8.contains(where: { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }) else {
            throw Fault(.invalidArgument, "invalid reference format: repository name (\(path)) must be lowercase")
        }
        guard Self.isDomain(domain), path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy(Self.isComponent) else {
            throw Self.malformed
        }
        if let tag, !Self.isTag(tag) { throw Self.malformed }
        guard domain.utf8.count + 1 + path.utf8.count <= Self.nameBytesMax else {
            throw Fault(.invalidArgument, "repository name must not be more than \(Self.nameBytesMax) characters")
        }
        self.domain = domain
        self.path = path
        self.tag = tag
        self.digest = digest
    }

    private init(unchecked other: ImageReference, tag: String?, digest: Digest?) {
        domain = other.domain
        path = other.path
        self.tag = tag
        self.digest = digest
    }

    /// The name with its registry, without tag and digest: `docker.io/library/alpine`.
    public var canonicalName: String { "\(domain)/\(path)" }

    /// The name as people know it: `alpine`.
    public var familiarName: String {
        guard domain == Self.defaultDomain else { return canonicalName }
        let official = "library/"
        if path.hasPrefix(official) {
            let short = path.dropFirst(official.count)
            // A path such as library/a/b has no shorter form: a/b is another repository.
            if !short.contains("/") { return String(short) }
        }
        return path
    }

    /// The whole reference with its registry.
    public var description: String { canonicalName + suffix }

    /// The whole reference as people know it: `alpine:3.20`.
    public var familiar: String { familiarName + suffix }

    /// The same reference, with the default tag where it has neither tag nor digest.
    public var withDefaultTag: ImageReference {
        tag == nil && digest == nil ? ImageReference(unchecked: self, tag: Self.defaultTag, digest: nil) : self
    }

    /// The same repository with this digest instead of tag and digest.
    public func pinned(to digest: Digest) -> ImageReference { ImageReference(unchecked: self, tag: nil, digest: digest) }

    /// The same repository with this tag instead of tag and digest.
    /// - Throws: `.invalidArgument` where it is not a tag.
    public func tagged(_ tag: String) throws(Fault) -> ImageReference {
        guard Self.isTag(tag) else { throw Fault(.invalidArgument, "invalid tag format") }
        return ImageReference(unchecked: self, tag: tag, digest: nil)
    }

    private var suffix: String { (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "") }
}

// MARK: - Grammar

extension ImageReference {
    private static var malformed: Fault { Fault(.invalidArgument, "invalid reference format") }

    /// The registry and the repository: the part before the first slash is a registry only where it
    /// looks like one (a dot, a colon, an upper-case letter, or `localhost`).
    private static func split(_ name: Substring) -> (domain: String, path: String) {
        var domain = defaultDomain
        var path = String(name)
        if let slash = name.firstIndex(of: "/") {
            let first = name[..<slash]
            if first == "localhost" || first.contains(where: { $0 == "." || $0 == ":" || $0.isUppercase }) {
                domain = String(first)
                path = String(name[name.index(after: slash)...])
            }
        }
        if domain == "index.docker.io" { domain = defaultDomain }
        if domain == defaultDomain && !path.isEmpty && !path.contains("/") { path = "library/" + path }
        return (domain, path)
    }

    /// Letters and digits in lower case with single `.`, one or two `_`, or any number of `-` between.
    private static func isComponent(_ text: Substring) -> Bool {
        var separator: [UInt8] = []
        var started = false
        for byte in text.utf8 {
            if isLower(byte) || isDigit(byte) {
                guard separator.isEmpty || isSeparator(separator) else { return false }
                separator = []
                started = true
            } else {
                guard started else { return false }
                separator.append(byte)
            }
        }
        return started && separator.isEmpty
    }

    private static func isSeparator(_ bytes: [UInt8]) -> Bool {
        bytes == [UInt8(ascii: ".")] || bytes == [UInt8(ascii: "_")] || bytes == [UInt8(ascii: "_"), UInt8(ascii: "_")]
            || bytes.allSatisfy { $0 == UInt8(ascii: "-") }
    }

    /// A host name or an address in brackets, and perhaps a port.
    private static func isDomain(_ text: String) -> Bool {
        var host = Substring(text)
        if host.hasPrefix("[") {
            guard let end = host.firstIndex(of: "]") else { return false }
            let address = host[host.index(after: host.startIndex)..<end]
            guard !address.isEmpty, address.utf8.allSatisfy({ isHex($0) || isHex($0 | 0x20) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") }) else {
                return false
            }
            let after = host[host.index(after: end)...]
            return after.isEmpty || (after.hasPrefix(":") && isPort(after.dropFirst()))
        }
        if let colon = host.firstIndex(of: ":") {
            guard isPort(host[host.index(after: colon)...]) else { return false }
            host = host[..<colon]
        }
        return host.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            guard let first = label.utf8.first, let last = label.utf8.last else { return false }
            return isAlphanumeric(first) && isAlphanumeric(last)
                && label.utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
        }
    }

    private static func isPort(_ text: Substring) -> Bool { !text.isEmpty && text.utf8.allSatisfy(isDigit) }

    /// At most 128 word characters, dots and dashes, not beginning with the latter.
    private static func isTag(_ text: String) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= 128 else { return false }
        let isWord = { (byte: UInt8) in isAlphanumeric(byte) || byte == UInt8(ascii: "_") }
        return isWord(first) && text.utf8.allSatisfy { isWord($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") }
    }

    private static func isLower(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    private static func isHex(_ byte: UInt8) -> Bool { isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte) }
    private static func isAlphanumeric(_ byte: UInt8) -> Bool { isDigit(byte) || isLower(byte | 0x20) }
}

extension ImageReference: Codable {
    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        do throws(Fault) {
            try self.init(parsing: text)
        } catch {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: error.reason))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
