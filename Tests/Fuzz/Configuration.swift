// One input of the fuzzer: bytes that claim to be a configuration. Whatever they are, reading them
// ends, with a value or a fault; both ways of reading agree; what was read is written and read again.
import Faults
import OCISpec

func readGenerally<T: Decodable>(_ type: T.Type, _ bytes: [UInt8]) throws -> T { try JSON.decode(type, from: bytes) }

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    var directly: RuntimeSpec?
    do { directly = try JSON.decode(RuntimeSpec.self, from: bytes) } catch { precondition(error.kind == .invalidArgument || error.kind == .tooLarge) }
    // Only whether there is a value matters here.
    precondition((try? readGenerally(RuntimeSpec.self, bytes)) == directly, "the two ways of reading differ")
    if let directly { check(directly) }
    if let value = try? JSON.decode(JSONValue.self, from: bytes) { check(value) }
    return 0
}

func check<T: Codable & Equatable>(_ value: T) {
    do {
        let again = try JSON.decode(T.self, from: JSON.encode(value, pretty: true, sortedKeys: false), limits: JSONLimits(bytesMax: 1 << 30))
        precondition(again == value, "what was written is not what was read")
    } catch {
        preconditionFailure("what was read cannot be written and read again: \(error)")
    }
}
