import Faults

/// Text that is not JSON: where, inside what, and why.
struct JSONSyntaxError: Error {
    let offset: Int
    let pointer: String
    let reason: String
}

/// Turns the bytes of a document into a tape in one pass, without recursion, and refuses
/// everything RFC 8259 does not allow, text that is not UTF-8, and names that occur twice in an
/// object (section 4 lets every reader do something else with those; two programs that see
/// different members in one document are an attack).
struct JSONParser: ~Copyable {
    private let bytes: UnsafeMutableBufferPointer<UInt8>
    private var nodes: UnsafeMutableBufferPointer<JSONNode>
    private var count = 0
    private var at = 0
    /// The arrays and objects that are open.
    private var open: [Int] = []
    private let depthMax: Int

    /// The tape of `document`.
    static func parse(_ document: [UInt8], depthMax: Int) throws(JSONSyntaxError) -> JSONTape {
        var parser = JSONParser(document, depthMax: depthMax)
        do {
            try parser.parseDocument()
        } catch {
            parser.bytes.deallocate()
            parser.nodes.deallocate()
            throw error
        }
        return JSONTape(bytes: parser.bytes, nodes: UnsafeMutableBufferPointer(rebasing: parser.nodes[..<parser.count]))
    }

    private init(_ document: [UInt8], depthMax: Int) {
        bytes = .allocate(capacity: document.count)
        _ = bytes.initialize(from: document)
        // A node for eight bytes is what configurations have; more grow it.
        nodes = .allocate(capacity: max(16, document.count / 8))
        self.depthMax = depthMax
        open.reserveCapacity(16)
    }

    // MARK: - Values

    private mutating func parseDocument() throws(JSONSyntaxError) {
        if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF {
            throw failure("a byte order mark is not allowed")
        }
        skipSpace()
        try parseValue()
        while let container = open.last {
            if nodes[container].kind == .object { try continueObject(container) } else { try continueArray(container) }
        }
        skipSpace()
        if at < bytes.count { throw failure("unexpected \(found) behind the document") }
    }

    /// Parses a scalar, or the bracket that opens a container.
    private mutating func parseValue() throws(JSONSyntaxError) {
        guard at < bytes.count else { throw failure("unexpected end of the document") }
        switch bytes[at] {
        case UInt8(ascii: "\""):
            try parseString()
        case UInt8(ascii: "{"):
            try push(.object)
        case UInt8(ascii: "["):
            try push(.array)
        case UInt8(ascii: "t"):
            try parseWord("true", .yes)
        case UInt8(ascii: "f"):
            try parseWord("false", .no)
        case UInt8(ascii: "n"):
            try parseWord("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            try parseNumber()
        case _:
            throw failure("expected a value, found \(found)")
        }
    }

    private mutating func push(_ kind: JSONNode.Kind) throws(JSONSyntaxError) {
        guard open.count < depthMax else { throw failure("nested deeper than \(depthMax) levels") }
        open.append(count)
        append(JSONNode(start: UInt32(at), extra: 0, next: 0, kind: kind, isEscaped: false))
        at += 1
        skipSpace()
    }

    private mutating func pop(_ container: Int, extra: UInt32) {
        nodes[container].next = UInt32(count)
        nodes[container].extra = extra
        open.removeLast()
        at += 1
    }

    /// Goes on behind the bracket, or behind an element, of the innermost array.
    private mutating func continueArray(_ array: Int) throws(JSONSyntaxError) {
        // Until the array is closed, `extra` counts its elements.
        while true {
            skipSpace()
            guard at < bytes.count else { throw failure("unexpected end of the document in an array") }
            let elements = nodes[array].extra
            if bytes[at] == UInt8(ascii: "]") { return pop(array, extra: elements) }
            if elements > 0 {
                guard bytes[at] == UInt8(ascii: ",") else { throw failure("expected a comma or ] in an array, found \(found)") }
                at += 1
                skipSpace()
                if at < bytes.count, bytes[at] == UInt8(ascii: "]") { throw failure("a comma before ] is not allowed") }
            }
            let depth = open.count
            try parseValue()
            nodes[array].extra = elements + 1
            if open.count > depth { return }
        }
    }

    /// Goes on behind the bracket, or behind a member, of the innermost object.
    private mutating func continueObject(_ object: Int) throws(JSONSyntaxError) {
        while true {
            skipSpace()
            guard at < bytes.count else { throw failure("unexpected end of the document in an object") }
            let members = nodes[object].extra
            if bytes[at] == UInt8(ascii: "}") {
                try refuseDuplicates(object, members: Int(members))
                return pop(object, extra: UInt32(object) + 1)
            }
            if members > 0 {
                guard bytes[at] == UInt8(ascii: ",") else { throw failure("expected a comma or } in an object, found \(found)") }
                at += 1
                skipSpace()
            }
            guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { throw failure("expected a member's name, found \(found)") }
            try parseString()
            nodes[object].next = UInt32(count - 1)
            skipSpace()
            guard at < bytes.count, bytes[at] == UInt8(ascii: ":") else { throw failure("expected a colon, found \(found)") }
            at += 1
            skipSpace()
            let depth = open.count
            try parseValue()
            nodes[object].extra = members + 1
            if open.count > depth { return }
        }
    }

    // MARK: - Scalars

    private mutating func parseWord(_ word: StaticString, _ kind: JSONNode.Kind) throws(JSONSyntaxError) {
        let start = at
        for index in 0..<word.utf8CodeUnitCount {
            guard at < bytes.count, bytes[at] == word.utf8Start[index] else { throw failure("expected \(word)") }
            at += 1
        }
        append(JSONNode(start: UInt32(start), extra: UInt32(at - start), next: UInt32(count + 1), kind: kind, isEscaped: false))
    }

    private mutating func parseNumber() throws(JSONSyntaxError) {
        let start = at
        var kind = JSONNode.Kind.integer
        if bytes[at] == UInt8(ascii: "-") { at += 1 }
        if at < bytes.count, bytes[at] == UInt8(ascii: "0") {
            at += 1
            if at < bytes.count, isDigit(bytes[at]) { throw failure("a number does not begin with 0") }
        } else {
            try parseDigits()
        }
        if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
            at += 1
            kind = .fraction
            try parseDigits()
        }
        if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
            at += 1
            kind = .fraction
            if at < bytes.count, bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") { at += 1 }
            try parseDigits()
        }
        append(JSONNode(start: UInt32(start), extra: UInt32(at - start), next: UInt32(count + 1), kind: kind, isEscaped: false))
    }

    private mutating func parseDigits() throws(JSONSyntaxError) {
        let start = at
        while at < bytes.count, isDigit(bytes[at]) { at += 1 }
        if at == start { throw failure("expected a digit, found \(found)") }
    }

    @inline(__always)
    private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    private mutating func parseString() throws(JSONSyntaxError) {
        at += 1
        let start = at
        var isEscaped = false
        while true {
            skipPlainText()
            guard at < bytes.count else { throw failure("unexpected end of the document in a string") }
            let byte = bytes[at]
            if byte == UInt8(ascii: "\"") { break }
            if byte == UInt8(ascii: "\\") {
                isEscaped = true
                try checkEscape()
            } else if byte < 0x20 {
                throw failure("a control character in a string must be escaped")
            } else {
                try checkCharacter()
            }
        }
        append(JSONNode(start: UInt32(start), extra: UInt32(at - start), next: UInt32(count + 1), kind: .string, isEscaped: isEscaped))
        at += 1
    }

    /// Moves over ASCII that needs no second look, eight bytes at a time.
    @inline(__always)
    private mutating func skipPlainText() {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        while at + 8 <= bytes.count {
            let word = UnsafeRawPointer(bytes.baseAddress.unsafelyUnwrapped + at).loadUnaligned(as: UInt64.self)
            let quote = word ^ (ones &* 0x22)
            let backslash = word ^ (ones &* 0x5C)
            // A byte's high bit is set where it is below 0x20, a quotation mark, a backslash or not ASCII.
            let stops = (word &- (ones &* 0x20)) & ~word | (quote &- ones) & ~quote | (backslash &- ones) & ~backslash | word
            if stops & highs != 0 { break }
            at += 8
        }
        while at < bytes.count {
            let byte = bytes[at]
            if byte < 0x20 || byte >= 0x80 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return }
            at += 1
        }
    }

    private mutating func checkEscape() throws(JSONSyntaxError) {
        guard at + 1 < bytes.count else { throw failure("unexpected end of the document in a string") }
        let letter = bytes[at + 1]
        if letter != UInt8(ascii: "u") {
            guard JSONText.plain(letter) != nil else { throw failure("unknown escape in a string") }
            at += 2
            return
        }
        let all = UnsafeBufferPointer(bytes)
        guard let first = JSONText.unit(all, at + 2) else { throw failure("\\u needs four hexadecimal digits") }
        guard (0xD800..<0xE000).contains(first) else {
            at += 6
            return
        }
        guard first < 0xDC00, at + 7 < bytes.count, bytes[at + 6] == UInt8(ascii: "\\"), bytes[at + 7] == UInt8(ascii: "u"),
            let second = JSONText.unit(all, at + 8), (0xDC00..<0xE000).contains(second)
        else { throw failure("half of a surrogate pair in a string") }
        at += 12
    }

    /// Moves over one character of two to four bytes that is well-formed UTF-8 (RFC 3629).
    private mutating func checkCharacter() throws(JSONSyntaxError) {
        let lead = bytes[at]
        let length: Int
        var lowest: UInt8 = 0x80
        var highest: UInt8 = 0xBF
        switch lead {
        case 0xC2...0xDF: length = 2
        case 0xE0...0xEF:
            length = 3
            // No longer forms of shorter characters, no surrogates.
            if lead == 0xE0 { lowest = 0xA0 }
            if lead == 0xED { highest = 0x9F }
        case 0xF0...0xF4:
            length = 4
            // As above, and nothing beyond U+10FFFF.
            if lead == 0xF0 { lowest = 0x90 }
            if lead == 0xF4 { highest = 0x8F }
        case _: throw failure("a string is not UTF-8")
        }
        guard at + length <= bytes.count, (lowest...highest).contains(bytes[at + 1]),
            bytes[(at + 2)..<(at + length)].allSatisfy({ $0 & 0xC0 == 0x80 })
        else { throw failure("a string is not UTF-8") }
        at += length
    }

    // MARK: - Names that occur twice

    private func refuseDuplicates(_ object: Int, members: Int) throws(JSONSyntaxError) {
        // Comparing each with each is quicker than hashing for what configurations have.
        let pairwiseMax = 12
        if members < 2 { return }
        var names: [Int] = []
        names.reserveCapacity(members)
        var next = object + 1
        var hasEscapes = false
        while next < count {
            names.append(next)
            hasEscapes = hasEscapes || nodes[next].isEscaped
            next = Int(nodes[next + 1].next)
        }
        if members <= pairwiseMax && !hasEscapes {
            for later in 1..<members {
                for earlier in 0..<later where sameBytes(names[later], names[earlier]) { throw duplicate(names[later]) }
            }
            return
        }
        // Bytes, not strings: Swift's strings are equal when they only look the same.
        var seen = Set<[UInt8]>(minimumCapacity: members)
        for name in names {
            let text = nodes[name].isEscaped ? JSONText.unescape(raw(name)) : Array(raw(name))
            if !seen.insert(text).inserted { throw duplicate(name) }
        }
    }

    @inline(__always)
    private func sameBytes(_ left: Int, _ right: Int) -> Bool {
        nodes[left].extra == nodes[right].extra && JSONText.equal(raw(left), raw(right))
    }

    private func raw(_ node: Int) -> UnsafeBufferPointer<UInt8> {
        let start = Int(nodes[node].start)
        return UnsafeBufferPointer(rebasing: bytes[start..<start + Int(nodes[node].extra)])
    }

    private func duplicate(_ name: Int) -> JSONSyntaxError {
        JSONSyntaxError(
            offset: Int(nodes[name].start) - 1, pointer: pointer(to: open.dropLast()) + JSONPointer.step(text(name)),
            reason: "this member occurs twice")
    }

    // MARK: - Bytes and nodes

    @inline(__always)
    private mutating func skipSpace() {
        while at < bytes.count {
            let byte = bytes[at]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            at += 1
        }
    }

    @inline(__always)
    private mutating func append(_ node: JSONNode) {
        if count == nodes.count { grow() }
        nodes.initializeElement(at: count, to: node)
        count += 1
    }

    private mutating func grow() {
        let larger = UnsafeMutableBufferPointer<JSONNode>.allocate(capacity: nodes.count * 2)
        _ = larger.moveInitialize(fromContentsOf: nodes)
        nodes.deallocate()
        nodes = larger
    }

    // MARK: - Errors

    private func failure(_ reason: String) -> JSONSyntaxError {
        JSONSyntaxError(offset: at, pointer: pointer(to: open[...]), reason: reason)
    }

    /// The pointer at what is being parsed inside these open containers.
    private func pointer(to containers: ArraySlice<Int>) -> String {
        var result = ""
        for container in containers {
            let node = nodes[container]
            if node.kind == .array {
                result += JSONPointer.step(String(node.extra))
            } else if node.next != 0 {
                // Until the object is closed, `next` is the name of its newest member.
                result += JSONPointer.step(text(Int(node.next)))
            }
        }
        return result
    }

    private func text(_ node: Int) -> String {
        String(decoding: nodes[node].isEscaped ? JSONText.unescape(raw(node)) : Array(raw(node)), as: UTF8.self)
    }

    private var found: String {
        guard at < bytes.count else { return "the end of the document" }
        let byte = bytes[at]
        return (0x21..<0x7F).contains(byte) ? "\"\(Character(UnicodeScalar(byte)))\"" : "byte \(byte)"
    }
}
