// DiskReserve owns some bytes of the disk that are given up when there are no others, so that
// records can still be removed when everything is full.
import Glibc

/// A file that only takes room.
struct DiskReserve: Sendable {
    /// Enough for the pages that a few removals touch.
    private static let bytes = 512 << 10

    /// Where it lies.
    let path: String

    /// Takes the room where there is some; a full disk has none, which is no error.
    func fill() {
        let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { return }
        defer { close(file) }
        if posix_fallocate(file, 0, off_t(Self.bytes)) != 0 { unlink(path) }
    }

    /// Gives the room up; whether there was any.
    func release() -> Bool { unlink(path) == 0 }
}
