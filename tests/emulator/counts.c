// SPDX-License-Identifier: MIT
// A plugin of QEMU that counts instructions of core 0: all of them, the longest stretch with IRQ masked, and the
// longest way from one function to another. The numbers are in a file that the test has in memory, and may set to 0.
// Under -icount it also notes the time that the guest reads, and lets the guest wait for the test at a given one. QEMU
// leaves a block there at each access to a device, and its rest is counted twice: the numbers are upper limits.
#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "api.h"

#define MASKED (1u << 7)    // PSTATE.I
#define IS_DAIF_IMMEDIATE(word) (((word) & 0xfffff0df) == 0xd50340df) // MSR DAIFSet, DAIFClr
#define IS_DAIF_REGISTER(word) (((word) & 0xffffffe0) == 0xd51b4220)
#define ERET (0xd69f03e0)
#define IS_COUNTER_READ(word) (((word) & 0xffffffe0) == 0xd53be020) // MRS Xt, CNTPCT_EL0
#define GENERAL_REGISTERS (31)
#define WAIT_US (20)
#define VECTOR_ALIGN (128)  // and they fill 2 KiB; another block may begin there as well

API_EXPORT int qemu_plugin_version = API_VERSION;

// As the test reads it.
typedef struct {
    uint64_t total;
    uint64_t now, until;                        // ticks of the counter; the guest waits at `until` unless it is 0
    volatile uint64_t standing;                 // the `until` at which it waits now, or 0
    uint64_t masked, masked_from, masked_to;    // instructions; addresses
    uint64_t answers, slowest;                  // how often `to` followed `from`; instructions
} counts_t;

static counts_t *counts;
static uint64_t from, to;
static struct qemu_plugin_register *pstate, *general[GENERAL_REGISTERS];
static GByteArray *bytes;

// Whether IRQ is masked is read again after what may change it.
static bool unsure = true, masked;
static uint64_t masked_at, masked_pc, asked_at;
static bool asked;
static bool unmasking;      // a DAIF write or ERET ran just now

static unsigned counter_in = GENERAL_REGISTERS; // the register into which the guest has just read the counter

static uint64_t read_register(struct qemu_plugin_register *handle) {
    uint64_t value = 0;
    g_byte_array_set_size(bytes, 0);
    qemu_plugin_read_register(handle, bytes);
    memcpy(&value, bytes->data, bytes->len);
    return value;
}

static bool read_masked(void) {
    return read_register(pstate) & MASKED;
}

// Under -icount a read of the counter ends its block.
static void note_time(void) {
    volatile uint64_t *until = &counts->until;
    counts->now = read_register(general[counter_in]);
    counter_in = GENERAL_REGISTERS;
    for (uint64_t at; (at = *until) != 0 && counts->now >= at; usleep(WAIT_US)) {
        counts->standing = at;
    }
    counts->standing = 0;
}

static void change(uint64_t pc) {
    uint64_t length = counts->total - masked_at;
    masked = !masked;
    if (masked) {
        masked_at = counts->total;
        masked_pc = pc;
    } else if (length > counts->masked) {
        counts->masked_from = masked_pc;
        counts->masked_to = pc;
        counts->masked = length;
    }
}

static void look(uint64_t pc) {
    unsure = false;
    if (read_masked() != masked) {
        change(pc);
    }
    unmasking = false;
}

typedef struct {
    uint64_t pc, length;
} block_t;

static void on_block(unsigned vcpu, void *data) {
    const block_t *block = data;
    if (vcpu) {
        return;
    }
    if (counter_in != GENERAL_REGISTERS) {
        note_time();
    }
    // It may be a vector. Where IRQ was unmasked and one was waiting, nothing ran between two stretches.
    bool is_entry = block->pc % VECTOR_ALIGN == 0;
    if (is_entry && masked && unmasking) {
        change(block->pc);
    }
    if (is_entry || unsure) {
        look(block->pc);
    }
    counts->total += block->length;
}

static void on_counter_read(unsigned vcpu, void *data) {
    if (!vcpu) {
        counter_in = (unsigned)(uint64_t)data;
    }
}

static void on_change(unsigned vcpu, void *data) {
    (void)data;
    unsure |= !vcpu;
    unmasking = unsure;
}

static void on_from(unsigned vcpu, void *data) {
    (void)data;
    if (!vcpu && !asked) {
        asked = true;
        asked_at = counts->total;
    }
}

static void on_to(unsigned vcpu, void *data) {
    (void)data;
    if (!vcpu && asked) {
        uint64_t length = counts->total - asked_at;
        asked = false;
        counts->slowest = length > counts->slowest ? length : counts->slowest;
        counts->answers++;
    }
}

static void watch(struct qemu_plugin_insn *insn) {
    uint32_t word = 0;
    qemu_plugin_insn_data(insn, &word, sizeof word);
    uint64_t pc = qemu_plugin_insn_vaddr(insn);
    if (IS_COUNTER_READ(word)) {
        qemu_plugin_register_vcpu_insn_exec_cb(insn, on_counter_read, QEMU_PLUGIN_CB_NO_REGS,
            (void *)(uint64_t)(word & 31));
    }
    if (IS_DAIF_IMMEDIATE(word) || IS_DAIF_REGISTER(word) || word == ERET) {
        qemu_plugin_register_vcpu_insn_exec_cb(insn, on_change, QEMU_PLUGIN_CB_NO_REGS, NULL);
    }
    if (pc == from) {
        qemu_plugin_register_vcpu_insn_exec_cb(insn, on_from, QEMU_PLUGIN_CB_NO_REGS, NULL);
    }
    if (pc == to) {
        qemu_plugin_register_vcpu_insn_exec_cb(insn, on_to, QEMU_PLUGIN_CB_NO_REGS, NULL);
    }
}

// QEMU may run a block long after it translated another one for the same code: it is never freed.
static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
    (void)id;
    size_t length = qemu_plugin_tb_n_insns(tb);
    block_t *block = malloc(sizeof *block);
    *block = (block_t) {qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, 0)), length};
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_R_REGS, block);
    for (size_t i = 0; i < length; i++) {
        watch(qemu_plugin_tb_get_insn(tb, i));
    }
}

static void on_start(qemu_plugin_id_t id, unsigned vcpu) {
    (void)id;
    if (vcpu) {
        return;
    }
    GArray *found = qemu_plugin_get_registers();
    const qemu_plugin_reg_descriptor *registers = (const void *)found->data;
    for (unsigned i = 0; i < found->len; i++) {
        const char *name = registers[i].name;
        pstate = strcmp(name, "cpsr") ? pstate : registers[i].handle;
        if (name[0] == 'x' && isdigit(name[1])) {
            general[atoi(name + 1)] = registers[i].handle;
        }
    }
    bytes = g_byte_array_new();
}

static bool open_counts(const char *path) {
    int file = open(path, O_RDWR);
    counts = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    return counts != MAP_FAILED;
}

API_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv) {
    (void)info;
    for (int i = 0; i < argc; i++) {
        const char *value = strchr(argv[i], '=') + 1;
        if (!strncmp(argv[i], "from=", 5)) {
            from = strtoull(value, NULL, 16);
        } else if (!strncmp(argv[i], "to=", 3)) {
            to = strtoull(value, NULL, 16);
        } else if (!open_counts(value)) {
            return 1;
        }
    }
    qemu_plugin_register_vcpu_init_cb(id, on_start);
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    return counts == NULL;
}
