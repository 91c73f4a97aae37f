// SPDX-License-Identifier: MIT
// Tables of the exception classes and fault status codes of AArch64, and the sentences made from them.

#include "fault.h"

// Load and store exclusive (Arm ARM, "A64 instruction set encoding", Loads and Stores), for any A, L and P.
#define EXCLUSIVE_MASK (0x3f800000)
#define EXCLUSIVE_BITS (0x08000000)

// What the ISS of a class holds, and whether FAR is valid.
enum {
    HAS_STATUS = 1,     // fault status code
    HAS_WNR = 2,        // data access with a direction
    HAS_IMMEDIATE = 4,  // the number in the instruction
    HAS_FAR = 8,
    IS_EXECUTE = 16,
    IS_LOWER = 32,
};

typedef struct _exception_class_t {
    const char *name;
    uint8_t kind;
    uint8_t flags;
} exception_class_t;

static const exception_class_t classes[ESR_EC_MASK + 1] = {
    [0x00] = { "undefined instruction", FAULT_UNDEFINED, 0 },
    [0x01] = { "trapped WFI or WFE", FAULT_TRAPPED, 0 },
    [0x03] = { "trapped coprocessor access", FAULT_TRAPPED, 0 },
    [0x04] = { "trapped coprocessor access", FAULT_TRAPPED, 0 },
    [0x05] = { "trapped coprocessor access", FAULT_TRAPPED, 0 },
    [0x06] = { "trapped coprocessor access", FAULT_TRAPPED, 0 },
    [0x07] = { "trapped floating-point or SIMD instruction", FAULT_TRAPPED, 0 },
    [0x08] = { "trapped VMRS access", FAULT_TRAPPED, 0 },
    [0x09] = { "trapped pointer authentication", FAULT_TRAPPED, 0 },
    [0x0a] = { "trapped 64-byte load or store", FAULT_TRAPPED, 0 },
    [0x0c] = { "trapped coprocessor access", FAULT_TRAPPED, 0 },
    [0x0d] = { "branch target exception", FAULT_TRAPPED, 0 },
    [0x0e] = { "illegal execution state", FAULT_ILLEGAL_STATE, 0 },
    [0x11] = { "supervisor call (AArch32)", FAULT_CALL, HAS_IMMEDIATE | IS_LOWER },
    [0x12] = { "hypervisor call (AArch32)", FAULT_CALL, HAS_IMMEDIATE | IS_LOWER },
    [0x13] = { "secure monitor call (AArch32)", FAULT_CALL, IS_LOWER },
    [0x15] = { "supervisor call", FAULT_CALL, HAS_IMMEDIATE },
    [0x16] = { "hypervisor call", FAULT_CALL, HAS_IMMEDIATE },
    [0x17] = { "secure monitor call", FAULT_CALL, HAS_IMMEDIATE },
    [0x18] = { "trapped system register or instruction", FAULT_TRAPPED, 0 },
    [0x19] = { "trapped SVE instruction", FAULT_TRAPPED, 0 },
    [0x1a] = { "trapped ERET", FAULT_TRAPPED, 0 },
    [0x1c] = { "pointer authentication failure", FAULT_TRAPPED, 0 },
    [0x1d] = { "trapped SME instruction", FAULT_TRAPPED, 0 },
    [0x20] = { "instruction abort, lower EL", FAULT_KIND_UNKNOWN, HAS_STATUS | HAS_FAR | IS_EXECUTE | IS_LOWER },
    [0x21] = { "instruction abort, same EL", FAULT_KIND_UNKNOWN, HAS_STATUS | HAS_FAR | IS_EXECUTE },
    [0x22] = { "PC alignment fault", FAULT_PC_ALIGNMENT, HAS_FAR | IS_EXECUTE },
    [0x24] = { "data abort, lower EL", FAULT_KIND_UNKNOWN, HAS_STATUS | HAS_FAR | HAS_WNR | IS_LOWER },
    [0x25] = { "data abort, same EL", FAULT_KIND_UNKNOWN, HAS_STATUS | HAS_FAR | HAS_WNR },
    [0x26] = { "SP alignment fault", FAULT_SP_ALIGNMENT, 0 },
    [0x27] = { "memory copy or set exception", FAULT_TRAPPED, 0 },
    [0x28] = { "floating-point exception (AArch32)", FAULT_FLOATING_POINT, IS_LOWER },
    [0x2c] = { "floating-point exception", FAULT_FLOATING_POINT, 0 },
    [0x2f] = { "SError", FAULT_SERROR, 0 },
    [0x30] = { "hardware breakpoint, lower EL", FAULT_BREAKPOINT, IS_LOWER },
    [0x31] = { "hardware breakpoint, same EL", FAULT_BREAKPOINT, 0 },
    [0x32] = { "software step, lower EL", FAULT_STEP, IS_LOWER },
    [0x33] = { "software step, same EL", FAULT_STEP, 0 },
    [0x34] = { "watchpoint, lower EL", FAULT_WATCHPOINT, HAS_FAR | HAS_WNR | IS_LOWER },
    [0x35] = { "watchpoint, same EL", FAULT_WATCHPOINT, HAS_FAR | HAS_WNR },
    [0x38] = { "breakpoint instruction (AArch32)", FAULT_BREAKPOINT, HAS_IMMEDIATE | IS_LOWER },
    [0x3a] = { "vector catch (AArch32)", FAULT_BREAKPOINT, IS_LOWER },
    [0x3c] = { "breakpoint instruction", FAULT_BREAKPOINT, HAS_IMMEDIATE },
};

static const char *const kind_texts[] = {
    [FAULT_KIND_UNKNOWN] = "unknown fault",
    [FAULT_TRANSLATION] = "translation fault",
    [FAULT_ACCESS_FLAG] = "access flag fault",
    [FAULT_PERMISSION] = "permission fault",
    [FAULT_ADDRESS_SIZE] = "address size fault",
    [FAULT_ALIGNMENT] = "alignment fault",
    [FAULT_PC_ALIGNMENT] = "misaligned program counter",
    [FAULT_SP_ALIGNMENT] = "misaligned stack pointer",
    [FAULT_EXTERNAL] = "external abort",
    [FAULT_EXTERNAL_WALK] = "external abort on a table walk",
    [FAULT_ECC] = "parity or ECC error",
    [FAULT_ECC_WALK] = "parity or ECC error on a table walk",
    [FAULT_TLB_CONFLICT] = "TLB conflict",
    [FAULT_EXCLUSIVE] = "unsupported exclusive or atomic access",
    [FAULT_UNDEFINED] = "undefined instruction",
    [FAULT_TRAPPED] = "trapped instruction",
    [FAULT_ILLEGAL_STATE] = "illegal execution state",
    [FAULT_FLOATING_POINT] = "floating-point exception",
    [FAULT_CALL] = "call",
    [FAULT_BREAKPOINT] = "breakpoint",
    [FAULT_STEP] = "software step",
    [FAULT_WATCHPOINT] = "watchpoint",
    [FAULT_SERROR] = "external abort",
};

// Fault status codes that come once for each level of the tables: code = first + level.
typedef struct _levelled_status_t {
    uint8_t first;
    uint8_t kind;
} levelled_status_t;

static const levelled_status_t levelled[] = {
    { 0x00, FAULT_ADDRESS_SIZE }, { 0x04, FAULT_TRANSLATION },   { 0x08, FAULT_ACCESS_FLAG },
    { 0x0c, FAULT_PERMISSION },   { 0x14, FAULT_EXTERNAL_WALK }, { 0x1c, FAULT_ECC_WALK },
};

static void decode_status(uint32_t status, fault_info_t *info) {
    for (size_t i = 0; i < sizeof(levelled) / sizeof(levelled[0]); ++i) {
        if ((status & ~(uint32_t)ESR_STATUS_LEVEL_MASK) == levelled[i].first) {
            info->kind = levelled[i].kind;
            info->level = (int)(status & ESR_STATUS_LEVEL_MASK);
            return;
        }
    }
    switch (status) {
        case ESR_STATUS_EXTERNAL:
            info->kind = FAULT_EXTERNAL;
            break;
        case 0x18:
            info->kind = FAULT_ECC;
            break;
        case 0x21:
            info->kind = FAULT_ALIGNMENT;
            break;
        case 0x30:
            info->kind = FAULT_TLB_CONFLICT;
            break;
        case 0x31:
        case 0x35:
            info->kind = FAULT_EXCLUSIVE;
            break;
        default:
            info->kind = FAULT_KIND_UNKNOWN;
            break;
    }
}

void fault_decode(uint64_t esr, uint64_t far, fault_info_t *info) {
    uint8_t ec = (uint8_t)(esr >> ESR_EC_SHIFT & ESR_EC_MASK);
    const exception_class_t *class = &classes[ec];
    uint32_t iss = (uint32_t)(esr & ESR_ISS_MASK);
    *info = (fault_info_t) {
        .esr = esr,
        .far = far,
        .iss = iss,
        .immediate = class->flags & HAS_IMMEDIATE ? (uint16_t)(iss & ESR_IMMEDIATE_MASK) : 0,
        .ec = ec,
        .class_name = class->name != NULL ? class->name : "unknown exception class",
        .kind = class->kind,
        .access = class->flags & IS_EXECUTE ? FAULT_ACCESS_EXECUTE : FAULT_ACCESS_NONE,
        .level = -1,
        .far_valid = (class->flags & HAS_FAR) != 0,
        .lower_el = (class->flags & IS_LOWER) != 0,
    };
    if (class->flags & HAS_WNR) {
        info->access = iss & ESR_WNR ? FAULT_ACCESS_WRITE : FAULT_ACCESS_READ;
        info->cache_maintenance = (iss & ESR_CM) != 0;
    }
    if (class->flags & HAS_STATUS) {
        decode_status(iss & ESR_STATUS_MASK, info);
        if ((iss & ESR_STATUS_MASK) == ESR_STATUS_EXTERNAL && (iss & ESR_FNV)) {
            info->far_valid = false;
        }
    }
    info->kind_text = kind_texts[info->kind];
}

bool fault_is_missing_page(const fault_info_t *info) {
    return (info->kind == FAULT_TRANSLATION || info->kind == FAULT_PERMISSION) && info->far_valid;
}

uint16_t fault_immediate(uint64_t esr) {
    fault_info_t info;
    fault_decode(esr, 0, &info);
    return info.immediate;
}

uint64_t fault_esr_of_par(uint64_t par, bool write) {
    uint64_t status = par >> PAR_STATUS_SHIFT & ESR_STATUS_MASK;
    return (uint64_t)ESR_EC_DATA_ABORT << ESR_EC_SHIFT | ESR_IL | (write ? ESR_WNR : 0) | status;
}

bool fault_is_exclusive(uint32_t instruction) {
    return (instruction & EXCLUSIVE_MASK) == EXCLUSIVE_BITS;
}

const char *fault_access_text(fault_access_t access) {
    static const char *const texts[] = {
        [FAULT_ACCESS_NONE] = "none",
        [FAULT_ACCESS_READ] = "read",
        [FAULT_ACCESS_WRITE] = "write",
        [FAULT_ACCESS_EXECUTE] = "execute",
    };
    return (unsigned)access < sizeof(texts) / sizeof(texts[0]) ? texts[access] : "none";
}

// --- sentences ---

// Text under construction: counts on when the buffer is full.
typedef struct _text_t {
    char *buf;
    size_t size;
    size_t length;
} text_t;

static void add_char(text_t *t, char c) {
    if (t->length + 1 < t->size) {
        t->buf[t->length] = c;
    }
    ++t->length;
}

static void add(text_t *t, const char *s) {
    while (*s != '\0') {
        add_char(t, *s++);
    }
}

// 0x and at least `digits` digits.
static void add_hex(text_t *t, uint64_t value, int digits) {
    add(t, "0x");
    for (int i = 15; i >= 0; i--) {
        if (i < digits || value >> (4 * i) != 0) {
            add_char(t, "0123456789abcdef"[value >> (4 * i) & 15]);
        }
    }
}

static void add_decimal(text_t *t, uint32_t value) {
    if (value >= 10) {
        add_decimal(t, value / 10);
    }
    add_char(t, (char)('0' + value % 10));
}

// "write to 0xffff000000001000"
static void add_access(text_t *t, const fault_info_t *info) {
    static const char *const verbs[] = {
        [FAULT_ACCESS_NONE] = "access to ",
        [FAULT_ACCESS_READ] = "read from ",
        [FAULT_ACCESS_WRITE] = "write to ",
        [FAULT_ACCESS_EXECUTE] = "execution of ",
    };
    add(t, info->cache_maintenance ? "cache maintenance of " : verbs[info->access]);
    if (info->far_valid) {
        add_hex(t, info->far, 16);
    } else {
        add(t, "an unknown address");
    }
}

static void add_memory_fault(text_t *t, const fault_info_t *info) {
    add_access(t, info);
    add(t, ": ");
    add(t, info->kind_text);
    if (info->kind == FAULT_KIND_UNKNOWN) {
        add(t, ", status ");
        add_hex(t, info->iss & ESR_STATUS_MASK, 2);
    }
    if (info->level >= 0) {
        add(t, " at level ");
        add_decimal(t, (uint32_t)info->level);
    }
}

// Exceptions that have no address: the name of the class is enough, with a number where the class has one.
static void add_class(text_t *t, const fault_info_t *info, unsigned flags) {
    add(t, info->kind == FAULT_SP_ALIGNMENT ? info->kind_text : info->class_name);
    if (flags & HAS_IMMEDIATE) {
        add(t, " #");
        add_decimal(t, info->immediate);
    } else if (info->kind == FAULT_KIND_UNKNOWN) {
        add_char(t, ' ');
        add_hex(t, info->ec, 2);
    } else if (info->kind == FAULT_SERROR) {
        add(t, ": asynchronous ");
        add(t, info->kind_text);
        add(t, ", syndrome ");
        add_hex(t, info->iss, 7);
    }
}

size_t fault_sentence(const fault_info_t *info, char *buf, size_t size) {
    text_t t = { .buf = buf, .size = size };
    unsigned flags = classes[info->ec & ESR_EC_MASK].flags;
    if (flags & HAS_FAR) {
        add_memory_fault(&t, info);
    } else {
        add_class(&t, info, flags);
    }
    if (info->lower_el) {
        add(&t, ", from a lower exception level");
    }
    if (size != 0) {
        buf[t.length < size ? t.length : size - 1] = '\0';
    }
    return t.length;
}
