/// The first instructions of a filter whose default is an error: a system call that is newer than
/// every one the profile names fails with ENOSYS, as on an older kernel. Programs try new calls and
/// take an older way on ENOSYS and on nothing else; a profile that could not know the call would
/// break them with its EPERM (chmod of a link in glibc 2.39 was such a case).
struct NewerCalls {
    /// The calls of one architecture.
    struct Architecture: Hashable {
        /// AUDIT_ARCH_*, as the kernel reports it.
        let token: UInt32
        /// The highest number the profile names.
        var highest: UInt32
        /// The highest of x32, whose calls come under x86_64's token with a bit set.
        var highestX32: UInt32?
    }

    let architectures: [Architecture]

    /// The bit that tells x32's calls from x86_64's.
    static let x32Bit: UInt32 = 0x4000_0000

    /// AUDIT_ARCH_X86_64.
    static let x86_64: UInt32 = 0xC000_003E

    // Operations of linux/filter.h, put together.
    private static let load: UInt16 = 0x20
    private static let jump: UInt16 = 0x05
    private static let jumpEqual: UInt16 = 0x15
    private static let jumpGreater: UInt16 = 0x25
    private static let jumpBits: UInt16 = 0x45
    private static let answer: UInt16 = 0x06
    private static let errnoENOSYS: UInt32 = 0x0005_0000 | 38

    /// The instructions, to be put in front of a program; they fall through to it.
    var program: [UInt8] {
        let blocks = architectures.map(block)
        // Each block ends with a jump over those behind it.
        var behind = blocks.reduce(0) { $0 + $1.count + 1 }
        var instructions = [instruction(Self.load, 4)]
        for block in blocks {
            behind -= block.count + 1
            instructions += block
            instructions.append(instruction(Self.jump, UInt32(behind)))
        }
        return instructions.flatMap { $0 }
    }

    /// The tests of one architecture, entered with the call's architecture loaded.
    private func block(_ architecture: Architecture) -> [[UInt8]] {
        var tests = [instruction(Self.load, 0)]
        if architecture.token == Self.x86_64 {
            if let highestX32 = architecture.highestX32 {
                tests.append(instruction(Self.jumpBits, Self.x32Bit, yes: 1, no: 0))
                tests.append(instruction(Self.jumpGreater, architecture.highest, yes: 1, no: 2))
                tests.append(instruction(Self.jumpGreater, highestX32, yes: 0, no: 1))
            } else {
                // Calls of an architecture that the profile does not have are the program's to judge.
                tests.append(instruction(Self.jumpBits, Self.x32Bit, yes: 2, no: 0))
                tests.append(instruction(Self.jumpGreater, architecture.highest, yes: 0, no: 1))
            }
        } else {
            tests.append(instruction(Self.jumpGreater, architecture.highest, yes: 0, no: 1))
        }
        tests.append(instruction(Self.answer, Self.errnoENOSYS))
        // Another architecture: over the tests and the jump behind them.
        return [instruction(Self.jumpEqual, architecture.token, yes: 0, no: UInt8(tests.count + 1))] + tests
    }

    /// `struct sock_filter`, in this machine's byte order.
    private func instruction(_ code: UInt16, _ constant: UInt32, yes: UInt8 = 0, no: UInt8 = 0) -> [UInt8] {
        withUnsafeBytes(of: code) { Array($0) } + [yes, no] + withUnsafeBytes(of: constant) { Array($0) }
    }
}
