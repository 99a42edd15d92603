#include "CLinux.h"

#include <elf.h>
#include <sys/auxv.h>

// Beneath Swift on purpose: while the data segment changes places, nothing but this function may run.
int cais_map_program_from(int file, int pagemap) {
    const ElfW(Phdr) *headers = (const ElfW(Phdr) *)getauxval(AT_PHDR);
    const size_t count = getauxval(AT_PHNUM), page = getauxval(AT_PAGESZ);
    uintptr_t relroStart = 0, relroEnd = 0;
    for (size_t i = 0; i < count; i++) {
        if (headers[i].p_type == PT_PHDR && headers[i].p_vaddr != (uintptr_t)headers) return errno = ENOTSUP, -1;
        if (headers[i].p_type != PT_GNU_RELRO) continue;
        relroStart = headers[i].p_vaddr & ~(page - 1);
        relroEnd = (headers[i].p_vaddr + headers[i].p_memsz) & ~(page - 1);
    }
    for (size_t i = 0; i < count; i++) {
        if (headers[i].p_type != PT_LOAD || headers[i].p_filesz == 0) continue;
        const uintptr_t start = headers[i].p_vaddr & ~(page - 1);
        const size_t length = ((headers[i].p_vaddr + headers[i].p_filesz + page - 1) & ~(page - 1)) - start;
        const off_t offset = headers[i].p_offset & ~(off_t)(page - 1);
        const int protection = (headers[i].p_flags & PF_R ? PROT_READ : 0) | (headers[i].p_flags & PF_W ? PROT_WRITE : 0)
            | (headers[i].p_flags & PF_X ? PROT_EXEC : 0);
        if (!(protection & PROT_WRITE)) {
            if (mmap((void *)start, length, protection, MAP_PRIVATE | MAP_FIXED, file, offset) == MAP_FAILED) return -1;
            continue;
        }
        char *copy = mmap(NULL, length, protection, MAP_PRIVATE, file, offset);
        if (copy == MAP_FAILED) return -1;
        uint64_t entries[256];
        size_t first = 0;
        for (size_t at = 0, known = 0; at < length; at += page, known -= sizeof *entries) {
            if (known == 0) {
                const ssize_t got = pread(pagemap, entries, sizeof entries, (off_t)((start + at) / page * sizeof *entries));
                if (got < (ssize_t)sizeof *entries) return errno = got < 0 ? errno : EIO, -1;
                known = (size_t)got;
                first = at;
            }
            // Present or swapped, and not the file's own any more: this process has written to it.
            const uint64_t entry = entries[(at - first) / page];
            if ((entry >> 62 & 3) && !(entry >> 61 & 1)) memcpy(copy + at, (const void *)(start + at), page);
        }
        if (mremap(copy, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)start) == MAP_FAILED) return -1;
        if (relroEnd > relroStart && relroStart >= start && relroEnd <= start + length
            && mprotect((void *)relroStart, relroEnd - relroStart, PROT_READ) != 0) return -1;
    }
    return 0;
}
