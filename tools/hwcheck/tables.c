// SPDX-License-Identifier: MIT
// Rules 5 and 7: translation tables, what the TLB may still hold of them, and what they map.
#include "tables.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "tables_private.h"

static void *reserve(uint64_t size) {
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

tables_t *tables_new(const hw_t *hw) {
    tables_t *tables = calloc(1, sizeof *tables);
    if (tables) {
        tables->size = hw->ram_size;
        tables->page = reserve(tables->size / HW_PAGE * sizeof(page_t));
        tables->shadow = reserve(tables->size);
        tables->region = calloc(tables->size / REGION + 1, sizeof *tables->region);
        if (!tables->page || !tables->shadow || !tables->region) {
            free(tables);
            return NULL;
        }
    }
    return tables;
}

void tables_free(tables_t *tables) {
    if (tables) {
        while (tables->pending) {
            pending_t *pending = tables->pending;
            tables->pending = pending->next;
            free(pending->slot);
            free(pending);
        }
        munmap(tables->page, tables->size / HW_PAGE * sizeof(page_t));
        munmap(tables->shadow, tables->size);
        free(tables->region);
        free(tables);
    }
}

bool tables_is_table(const hw_t *hw, uint64_t pa) {
    const page_t *page = pages_of(hw, pa);
    return page && page->links;
}

bool tables_in_doubt(const hw_t *hw, unsigned core, uint64_t va) {
    return hw->watch & HW_WATCH_TABLES && (pending_covers(hw, core, va) || roots_cover(hw, core, va));
}

static void set_watch(hw_t *hw) {
    bool watch = hw->tables->pending || roots_pending(hw);
    hw->watch = (hw->watch & ~HW_WATCH_TABLES) | (watch ? HW_WATCH_TABLES : 0);
}

void tables_walked(hw_t *hw, unsigned core, uint64_t va, const hw_map_t *map) {
    (void)va;
    unsigned level = 0;
    while (level < 3 && map->entry[level] == HW_NOWHERE) {
        level++;
    }
    if (map->entry[level] == HW_NOWHERE || tables_is_table(hw, map->entry[level])) {
        return;
    }
    hw_event_t event = {.kind = HW_RESET, .core = core, .va = HW_NOWHERE, .pa = HW_NOWHERE};
    roots_sync(hw, &event, &hw->core[core]);
    hw->generation += tables_is_table(hw, map->entry[level]); // what was found before may be in doubt now
    set_watch(hw);
}

// Aborts: instruction 0x20 and 0x21, data 0x24 and 0x25; of translation, access flag or permission.
static bool is_abort(uint64_t esr) {
    unsigned class = esr >> 26 & 63, status = esr & 63;
    return (class & ~5u) == 0x20 && status >= 4 && status < 16;
}

bool tables_use(const hw_event_t *event, use_t *use, unsigned *el) {
    switch (event->kind) {
        case HW_FETCH:
            *use = EXECUTE;
            return true;
        case HW_EXCEPTION:
            *use = (event->value >> 26 & 63) < 0x24 ? EXECUTE : event->value >> 6 & 1 ? WRITE : READ;
            *el = event->value >> 26 & 1 ? *el : 0;
            return is_abort(event->value);
        case HW_AT:
            *el = event->insn->sys & 2 ? 0 : 1;
            *use = event->insn->sys & 1 ? WRITE : READ;
            return event->insn->sys < HW_SYS(1, 1, 0, 0, 0);
        default:
            *use = event->store ? WRITE : READ;
            return event->va != HW_NOWHERE;
    }
}

// 5c, 5d: what is used may be translated by what a table held before, or may not be translated yet.
// 5i: QEMU has translated by something else than the tables say, and nothing above explains it.
static void check(hw_t *hw, const hw_event_t *event) {
    use_t use;
    unsigned el = hw->core[event->core].el;
    if (!(hw->watch & HW_WATCH_TABLES) && event->kind != HW_ACCESS) {
        return;
    }
    if (!tables_use(event, &use, &el) || !hw_mmu_on(&hw->core[event->core])) {
        return;
    }
    hw_map_t now = event->map.mmu ? event->map : hw_walk(hw, event->core, event->va);
    now.pa = now.valid ? (now.pa & ~(HW_PAGE - 1ull)) | event->va % HW_PAGE : HW_NOWHERE;
    if (hw->watch & HW_WATCH_TABLES && (pending_check(hw, event, use, &now) | roots_check(hw, event, use, &now))) {
        return;
    }
    if (event->kind == HW_ACCESS && event->map.mmu && event->pa != HW_NOWHERE && event->pa != now.pa) {
        hw_report(hw, event, "5i", NULL, "QEMU's TLB has another translation than the tables");
    }
}

static void change_registers(hw_t *hw, const hw_event_t *event) {
    switch (event->insn->sys & ~(7u << 11)) {
        case HW_SYS(3, 0, 1, 0, 0): // SCTLR
        case HW_SYS(3, 0, 2, 0, 0): // TTBR0
        case HW_SYS(3, 0, 2, 0, 1): // TTBR1
        case HW_SYS(3, 0, 2, 0, 2): { // TCR
            hw_core_t core = hw_after(hw, event);
            roots_sync(hw, event, &core);
        }
    }
}

static void follow(hw_t *hw, const hw_event_t *event) {
    switch (event->kind) {
        case HW_ACCESS:
        case HW_ZVA:
            if (event->store) {
                pages_store(hw, event);
            }
            break;
        case HW_SYSREG:
            change_registers(hw, event);
            break;
        case HW_DSB:
            pending_barrier(hw, event);
            roots_barrier(hw, event);
            break;
        case HW_ISB:
        case HW_EXCEPTION:
        case HW_ERET:
            pending_synchronize(hw, event);
            roots_synchronize(hw, event->core);
            break;
        case HW_TLBI:
            pending_flush(hw, event);
            roots_flush(hw, event);
            break;
        case HW_RESET:
            pending_clear(hw);
            roots_clear(hw);
            break;
        default:
            break;
    }
}

void tables_event(hw_t *hw, const hw_event_t *event) {
    switch (event->kind) {
        case HW_ACCESS:
        case HW_ZVA:
        case HW_FETCH:
        case HW_EXCEPTION:
        case HW_AT:
        case HW_CACHE:
            check(hw, event);
            break;
        default:
            break;
    }
    bool used = event->kind == HW_FETCH || event->kind == HW_ACCESS;
    if (used && !(event->store && tables_is_table(hw, event->pa))) {
        return; // the most frequent ones, which change nothing
    }
    follow(hw, event);
    set_watch(hw);
}
