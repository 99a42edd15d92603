// The same view of the C library as CLinux's: one with other feature macros is another type to Swift.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <archive.h>
#include <archive_entry.h>
