// SPDX-License-Identifier: MIT
// The names that the plugin takes from QEMU and GLib, so that it can be loaded without them. Only
// qemu_plugin_install() is called, which calls none of these where it refuses.
#define NAME(name) void name(void); void name(void) {}

NAME(g_byte_array_new)
NAME(g_byte_array_set_size)
NAME(qemu_plugin_get_hwaddr)
NAME(qemu_plugin_get_registers)
NAME(qemu_plugin_hwaddr_phys_addr)
NAME(qemu_plugin_insn_data)
NAME(qemu_plugin_insn_haddr)
NAME(qemu_plugin_insn_vaddr)
NAME(qemu_plugin_mem_get_value)
NAME(qemu_plugin_mem_size_shift)
NAME(qemu_plugin_read_register)
NAME(qemu_plugin_register_vcpu_init_cb)
NAME(qemu_plugin_register_vcpu_insn_exec_cb)
NAME(qemu_plugin_register_vcpu_mem_cb)
NAME(qemu_plugin_register_vcpu_resume_cb)
NAME(qemu_plugin_register_vcpu_tb_exec_cb)
NAME(qemu_plugin_register_vcpu_tb_trans_cb)
NAME(qemu_plugin_tb_get_insn)
NAME(qemu_plugin_tb_n_insns)
