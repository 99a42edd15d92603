// LogDriver is what the streams of a container know of its log.

/// Which of a process's outputs bytes came from; the numbers are those of Docker's stream framing.
package enum OutputStream: UInt8, Sendable, CaseIterable {
    case stdout = 1
    case stderr = 2
}

/// Takes what a container writes. It never waits for anything but the disk and never fails the
/// container: what cannot be kept is counted.
package protocol LogDriver: AnyObject {
    /// Takes as much of `bytes` as can be kept now, as whole records.
    /// - Parameter isLast: the stream has ended; everything is taken.
    /// - Returns: the count of bytes taken from the front; the caller offers the rest again with more.
    func take(_ bytes: UnsafeRawBufferPointer, of stream: OutputStream, isLast: Bool) -> Int

    /// Nothing was written for a while: memory that holds nothing can go.
    func rest()

    /// Bytes of records that could not be written.
    var bytesLost: Int64 { get }
}
