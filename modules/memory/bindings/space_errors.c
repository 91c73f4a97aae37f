// SPDX-License-Identifier: MIT
// What the space mechanism refuses, as exceptions that name the value.

#include "common.h"
#include "space.h"

// One text for each kind. $v is the virtual and $p the physical address, $x and $d the value in hexadecimal and
// decimal, $n the name in quotes (or "without a name"), $r the same in brackets (or nothing), $o the other mapping.
static const char *const texts[] = {
    [SPACE_MISALIGNED] = "$x is not a multiple of 4096",
    [SPACE_BAD_SIZE] = "size $x is zero or goes past the end",
    [SPACE_BAD_ATTRS] = "the protection cannot be given to $v",
    [SPACE_OUT_OF_HALF] = "$v with size $x is not inside this half of the address space",
    [SPACE_OUT_OF_PA] = "physical address $p with size $x is beyond what the processor can address",
    [SPACE_NOT_RAM] = "physical address $p is not RAM, only memtype 'device' can map it",
    [SPACE_NOT_MMIO] = "physical address $p is RAM, memtype 'device' cannot map it",
    [SPACE_NOT_DMA] = "physical address $p cannot be mapped non-cacheable, its cacheable alias exists",
    [SPACE_NOT_HELD] = "physical address $p with size $x is not inside the Frames",
    [SPACE_MAPPED] = "$v is mapped already, to $p$r",
    [SPACE_TAKEN] = "$v is reserved already$r",
    [SPACE_UNMAPPED] = "$v is not mapped",
    [SPACE_LOCKED] = "$v is in the locked region $n",
    [SPACE_NO_WINDOW] = "$v is not in a window that map() may use$r",
    [SPACE_PROTECTED] = "physical address $p is in $n, which is read-only in every mapping",
    [SPACE_NEVER_CODE] = "physical address $p is in $n, which the kernel writes: no mapping of it is executable",
    [SPACE_WRITE_EXECUTE] = "physical address $p would be writable and executable, it is mapped at $o",
    [SPACE_SPLIT] = "$v is inside a block of the kernel half, which is not split",
    [SPACE_NO_TABLES] = "no free frame for a translation table or a record",
    [SPACE_NO_ASID] = "all $d address space identifiers are in use",
    [SPACE_NO_ADDRESS] = "window $n has no gap of $x bytes: close what is in it, drop views of what is closed",
    [SPACE_ACTIVE] = "AddressSpace with ASID $d is active",
    [SPACE_KERNEL] = "not possible with the kernel half",
    [SPACE_KERNEL_OPEN] = "the kernel half is open already$r",
    [SPACE_USER] = "$v is in the kernel half, which EL0 has no access to: 'u' is for other spaces",
    [SPACE_HELD] = "frames at physical address $p are mapped at $o",
    [SPACE_TABLE_FULL] = "a table of $d entries is full",
    [SPACE_NOT_PAGED] = "$v is not in a range with a pager",
    [SPACE_TOO_MUCH] = "$v would get more than the protection its range was reserved with",
    [SPACE_NOT_KEPT] = "$v would not be the same memory after the switch: $p, now $x",
};

static void print_address(const mp_print_t *print, uint64_t address) {
    if (address == MEM_ADDR_NONE) {
        mp_print_str(print, "no memory");
    } else {
        mp_printf(print, "0x%016lx", address);
    }
}

static void print_name(const mp_print_t *print, const char *name) {
    if (name == NULL) {
        mp_print_str(print, "without a name");
    } else {
        mp_printf(print, "'%s'", name);
    }
}

void bind_space_print(const mp_print_t *print, const space_t *space) {
    if (space->name != NULL) {
        mp_printf(print, "the %s space", space->name);
    } else {
        mp_printf(print, "the space with ASID %u", (unsigned)space->paging.asid);
    }
}

static void print_other(const mp_print_t *print, const space_error_t *why) {
    print_address(print, why->other_va);
    if (why->other_space != NULL) {
        mp_print_str(print, " of ");
        bind_space_print(print, why->other_space);
    }
}

static void print_field(const mp_print_t *print, char field, const space_error_t *why) {
    switch (field) {
        case 'v':
            print_address(print, why->va);
            break;
        case 'p':
            print_address(print, why->pa);
            break;
        case 'x':
            print_address(print, why->value);
            break;
        case 'd':
            mp_printf(print, "%lu", why->value);
            break;
        case 'n':
            print_name(print, why->name);
            break;
        case 'r':
            if (why->name != NULL) {
                mp_printf(print, " ('%s')", why->name);
            }
            break;
        default:
            print_other(print, why);
            break;
    }
}

void bind_space_check(int result, const space_error_t *why) {
    if (result == MEM_OK) {
        return;
    }
    vstr_t text;
    mp_print_t print;
    vstr_init_print(&text, 80, &print);
    for (const char *c = texts[why->kind]; *c != '\0'; ++c) {
        if (*c == '$') {
            print_field(&print, *++c, why);
        } else {
            vstr_add_char(&text, *c);
        }
    }
    if (result == MEM_EINVAL) {
        bind_raise_value(MP_ERROR_TEXT("%s"), vstr_null_terminated_str(&text));
    }
    bind_raise_os(result, MP_ERROR_TEXT("%s"), vstr_null_terminated_str(&text));
}

void bind_space_change(int (*attempt)(void *change), bind_space_change_t *change) {
    bind_space_check(bind_retry(attempt, change), &change->why);
}
