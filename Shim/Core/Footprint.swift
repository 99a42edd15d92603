import CLinux

// Footprint gives memory back that a shim has used and does not need while it waits: a shim stays
// for as long as its container, and most of that time it does nothing.

/// What this process holds.
enum Footprint {
    /// How long after the last activity memory is given back.
    static let quietMilliseconds: Int64 = 1_500
    /// How far below the present frame the stack is looked at; start-up goes deepest.
    private static let stackBytes = 1 << 17
    private static let pageBytes = 4_096

    /// Frees what can be had again for nothing: the heap's free pages, the stack below this frame,
    /// and the program's own code, which stays in the page cache and comes back by a soft fault.
    static func shrink() {
        malloc_trim(0)
        dropStack()
        dropCode()
    }

    private static func dropStack() {
        var here: UInt8 = 0
        withUnsafeMutablePointer(to: &here) { pointer in
            // Two pages below are left alone: this call's own frames and the red zone.
            let end = (UInt(bitPattern: pointer) & ~UInt(pageBytes - 1)) - UInt(2 * pageBytes)
            // Beneath the stack's end nothing is mapped; madvise does the rest all the same.
            madvise(UnsafeMutableRawPointer(bitPattern: end - UInt(stackBytes)), stackBytes, MADV_DONTNEED)
        }
    }

    /// Only segments that are never written: a written page would come back as the file has it.
    private static func dropCode() {
        _ = dl_iterate_phdr(
            { information, _, _ in
                guard let information = information?.pointee, information.dlpi_addr == 0, let headers = information.dlpi_phdr else {
                    return 0
                }
                for index in 0..<Int(information.dlpi_phnum) {
                    let header = headers[index]
                    guard header.p_type == UInt32(PT_LOAD), header.p_flags & UInt32(PF_W) == 0 else { continue }
                    let start = UInt(header.p_vaddr) & ~UInt(Footprint.pageBytes - 1)
                    // The last page may be shared with the next segment's first; it stays.
                    let end = UInt(header.p_vaddr + header.p_memsz) & ~UInt(Footprint.pageBytes - 1)
                    if end > start { madvise(UnsafeMutableRawPointer(bitPattern: start), Int(end - start), MADV_DONTNEED) }
                }
                return 0
            }, nil)
    }
}
