import CLinux

/// One request to the kernel as bytes under construction (netlink(7)): header, a family's fixed
/// part, then attributes aligned to four bytes. Pure; sending is the socket's.
package struct NetlinkMessage: Hashable, Sendable {
    /// What the kernel shall do: RTM_NEWLINK and its like.
    package let type: UInt16
    /// NLM_F_ flags; the socket adds NLM_F_REQUEST and what asks for the answer.
    package let flags: UInt16
    /// Everything behind the header.
    package private(set) var payload: [UInt8]

    /// The size of `struct nlmsghdr`.
    package static let headerSize = 16

    /// Starts a message of `type` with the family's fixed part.
    package init(type: Int, flags: Int = 0, fixed: [UInt8]) {
        self.type = UInt16(type)
        self.flags = UInt16(flags)
        payload = fixed
        NetlinkMessage.pad(&payload)
    }

    /// The message as it goes over the wire.
    package func encoded(sequence: UInt32, extraFlags: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(NetlinkMessage.headerSize + payload.count)
        bytes.append(native: UInt32(NetlinkMessage.headerSize + payload.count))
        bytes.append(native: type)
        bytes.append(native: flags | UInt16(extraFlags))
        bytes.append(native: sequence)
        bytes.append(native: UInt32(0))
        return bytes + payload
    }

    /// Adds an attribute of plain bytes.
    package mutating func add(_ attribute: Int, _ value: [UInt8]) {
        payload.append(native: UInt16(4 + value.count))
        payload.append(native: UInt16(attribute))
        payload += value
        NetlinkMessage.pad(&payload)
    }

    /// Adds an attribute that is a number in the machine's byte order.
    package mutating func add(_ attribute: Int, number: some FixedWidthInteger) {
        var value: [UInt8] = []
        value.append(native: number)
        add(attribute, value)
    }

    /// Adds an attribute that is a text with its terminating zero.
    package mutating func add(_ attribute: Int, text: String) { add(attribute, Array(text.utf8) + [0]) }

    /// Adds an attribute that holds attributes, and where `fixed` is given a fixed part before them.
    package mutating func addNested(_ attribute: Int, fixed: [UInt8] = [], _ body: (inout NetlinkMessage) -> Void) {
        var inner = NetlinkMessage(type: 0, fixed: fixed)
        body(&inner)
        add(attribute, inner.payload)
    }

    private static func pad(_ bytes: inout [UInt8]) {
        while bytes.count % 4 != 0 { bytes.append(0) }
    }
}

/// One answer of the kernel, taken apart.
package struct NetlinkReply: Hashable, Sendable {
    /// NLMSG_ERROR, NLMSG_DONE or an RTM_ number.
    package let type: UInt16
    /// NLM_F_ flags.
    package let flags: UInt16
    /// The number of the request it answers.
    package let sequence: UInt32
    /// Everything behind the header.
    package let payload: [UInt8]

    /// Takes the datagram `bytes` apart; a truncated tail ends the list.
    package static func parse(_ bytes: [UInt8]) -> [NetlinkReply] {
        var replies: [NetlinkReply] = []
        var at = 0
        while at + NetlinkMessage.headerSize <= bytes.count {
            let length = Int(bytes.native(UInt32.self, at: at) ?? 0)
            guard length >= NetlinkMessage.headerSize, at + length <= bytes.count else { break }
            replies.append(
                NetlinkReply(
                    type: bytes.native(UInt16.self, at: at + 4) ?? 0, flags: bytes.native(UInt16.self, at: at + 6) ?? 0,
                    sequence: bytes.native(UInt32.self, at: at + 8) ?? 0,
                    payload: Array(bytes[(at + NetlinkMessage.headerSize)..<(at + length)])))
            at += (length + 3) & ~3
        }
        return replies
    }

    /// The attributes behind a fixed part of `offset` bytes.
    package func attributes(after offset: Int) -> NetlinkAttributes { NetlinkAttributes(payload, from: (offset + 3) & ~3) }

    /// The errno of an NLMSG_ERROR answer (0 is the acknowledgement) and the kernel's sentence about it.
    package var acknowledgement: (errno: Int32, text: String?) {
        let code = payload.native(Int32.self, at: 0) ?? 0
        guard flags & UInt16(NLM_F_ACK_TLVS) != 0 else { return (-code, nil) }
        // The echoed request stands between the code and the sentence: whole, or its header alone where capped.
        let echoed = flags & UInt16(NLM_F_CAPPED) != 0 ? NetlinkMessage.headerSize : Int(payload.native(UInt32.self, at: 4) ?? 16)
        return (-code, attributes(after: 4 + echoed).text(Int(NLMSGERR_ATTR_MSG.rawValue)))
    }
}

/// The attributes of one answer by their numbers; of several with one number the last counts.
package struct NetlinkAttributes: Hashable, Sendable {
    private var values: [UInt16: [UInt8]] = [:]

    /// Reads attributes from `start` to the end of `bytes`.
    package init(_ bytes: [UInt8], from start: Int = 0) {
        var at = start
        while at + 4 <= bytes.count {
            let length = Int(bytes.native(UInt16.self, at: at) ?? 0)
            guard length >= 4, at + length <= bytes.count else { break }
            // The two highest bits say nested and big-endian; they are not part of the number.
            let number = (bytes.native(UInt16.self, at: at + 2) ?? 0) & 0x3fff
            values[number] = Array(bytes[(at + 4)..<(at + length)])
            at += (length + 3) & ~3
        }
    }

    /// The bytes of an attribute.
    package func bytes(_ attribute: Int) -> [UInt8]? { values[UInt16(attribute)] }

    /// A number in the machine's byte order.
    package func number<Value: FixedWidthInteger>(_ attribute: Int, as type: Value.Type) -> Value? {
        bytes(attribute)?.native(type, at: 0)
    }

    /// A text up to its terminating zero.
    package func text(_ attribute: Int) -> String? {
        bytes(attribute).map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// An IPv4 address in network byte order.
    package func ipv4(_ attribute: Int) -> IPv4Address? {
        guard let octets = bytes(attribute), octets.count == 4 else { return nil }
        return IPv4Address(octets.reduce(0) { $0 << 8 | UInt32($1) })
    }

    /// The attributes inside an attribute.
    package func nested(_ attribute: Int) -> NetlinkAttributes? { bytes(attribute).map { NetlinkAttributes($0) } }
}

extension [UInt8] {
    /// Appends a number in the machine's byte order.
    package mutating func append(native value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value) { append(contentsOf: $0) }
    }

    /// Reads a number in the machine's byte order; nil where it would pass the end.
    package func native<Value: FixedWidthInteger>(_ type: Value.Type, at offset: Int) -> Value? {
        guard offset >= 0, offset + MemoryLayout<Value>.size <= count else { return nil }
        return withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: type) }
    }
}
