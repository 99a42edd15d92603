#include <seccomp.h>

// Macros with arguments do not reach Swift.
static inline uint32_t cais_scmp_act_errno(uint32_t value) { return SCMP_ACT_ERRNO(value); }
static inline uint32_t cais_scmp_act_trace(uint32_t value) { return SCMP_ACT_TRACE(value); }
// The version whose headers were compiled against, which is the version linked in (static).
static inline uint32_t cais_scmp_version(void) { return SCMP_VER_MAJOR << 16 | SCMP_VER_MINOR << 8 | SCMP_VER_MICRO; }
