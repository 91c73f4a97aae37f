// SPDX-License-Identifier: MIT
// A plugin for QEMU's user mode (qemu-aarch64): prints how many instructions a program executes. The interface is
// declared here, since no package installs its header; what is used of it is the same in versions 1 to 4.

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define EXPORT __attribute__((visibility("default")))
#define NO_REGISTERS (0)

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
typedef void (*block_translated_t)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*block_runs_t)(unsigned cpu, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, block_translated_t call);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, block_runs_t call, int flags, void *data);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*call)(qemu_plugin_id_t, void *), void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
void qemu_plugin_outs(const char *text);

EXPORT int qemu_plugin_version = PLUGIN_VERSION;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv);

static uint64_t executed;

static void block_runs(unsigned cpu, void *instructions) {
    (void)cpu;
    executed += (uintptr_t)instructions;
}

static void block_translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, block_runs, NO_REGISTERS, (void *)(uintptr_t)qemu_plugin_tb_n_insns(tb));
}

static void print_count(qemu_plugin_id_t id, void *data) {
    (void)id;
    (void)data;
    char text[64];
    snprintf(text, sizeof(text), "\nexecuted %" PRIu64 "\n", executed);
    qemu_plugin_outs(text);
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv) {
    (void)info;
    (void)argc;
    (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, block_translated);
    qemu_plugin_register_atexit_cb(id, print_count, NULL);
    return 0;
}
