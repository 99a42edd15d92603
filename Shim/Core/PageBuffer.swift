import CLinux
import Linux

// PageBuffer owns memory that a burst of output dirties and a quiet time gives back.

/// A fixed buffer of whole pages, outside the heap.
final class PageBuffer {
    let bytes: UnsafeMutableRawBufferPointer

    /// - Parameter byteCount: a multiple of the page size.
    init(byteCount: Int) throws(Errno) {
        let address = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let address, Int(bitPattern: address) != -1 else { throw .current }
        bytes = UnsafeMutableRawBufferPointer(start: address, count: byteCount)
    }

    deinit { munmap(bytes.baseAddress, bytes.count) }

    /// Gives the pages back to the kernel; the content is lost, the buffer stays usable.
    func discard() { madvise(bytes.baseAddress, bytes.count, MADV_DONTNEED) }
}
