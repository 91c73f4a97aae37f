// SPDX-License-Identifier: MIT
// The tables that TTBR0 and TTBR1 point to, and those they pointed to before, of which the TLB may
// still hold translations.
#include "tables_private.h"

int roots_asid(const hw_core_t *core) {
    uint64_t tcr = core->tcr[1];
    int asid = (tcr >> 22 & 1 ? core->ttbr1 : core->ttbr0[1]) >> 48; // TCR.A1
    return tcr >> 36 & 1 ? asid : asid & 0xff;
}

// --- which are live ---

static root_t wanted(const hw_core_t *core, unsigned regime, bool high) {
    hw_root_t at = hw_root(core, regime, high);
    if (!(core->sctlr[regime] & 1) || at.level > 3 || hw_granule(core, regime, high) != 12) {
        return (root_t) {0};
    }
    place_t place = {
        .va = at.va, .asid = high && !(core->tcr[1] >> 22 & 1) ? ANY_ASID : roots_asid(core),
        .first = at.root / 8 % ENTRIES, .count = at.entries, .level = at.level, .regime = regime,
    };
    if (place.first + place.count > ENTRIES) {
        place.count = ENTRIES - place.first;
    }
    return (root_t) {.pa = at.root & ~(HW_PAGE - 1ull), .first = at.root, .place = place, .high = high};
}

static bool same(const root_t *one, const root_t *other) {
    return one->first == other->first && one->place.regime == other->place.regime && one->high == other->high &&
           one->place.asid == other->place.asid && one->place.level == other->place.level &&
           one->place.va == other->place.va;
}

// --- what two of them say of one address ---

// Whether the tree has a leaf that is in the TLB for every ASID, or (`global` false) for its own one.
static bool has_leaf(const hw_t *hw, uint64_t table, bool global) {
    const page_t *page = pages_of(hw, table);
    for (unsigned i = 0; page && page->links && i < page->place.count; i++) {
        uint64_t desc = pages_shadow(hw, table, page->place.first + i);
        kind_t kind = desc_kind(desc, page->place.level);
        if (kind == LEAF && desc_global(desc, page->place.regime) == global) {
            return true;
        }
        if (kind == SUBTABLE && page->place.level < 3 && has_leaf(hw, desc & DESC_ADDRESS, global)) {
            return true;
        }
    }
    return false;
}

typedef struct {
    sense_t sense;
    bool same_asid;
    uint64_t va; // where they contradict each other
    bool global;
} compare_t;

static bool linked(const hw_t *hw, uint64_t desc) {
    const page_t *page = pages_of(hw, desc & DESC_ADDRESS);
    return page && page->links;
}

// Whether what the TLB may have of `before` contradicts a translation of `after`.
static bool differ(const hw_t *hw, compare_t *compare, uint64_t before, uint64_t after) {
    const page_t *page = pages_of(hw, before);
    place_t place = page->place;
    for (unsigned i = 0; before != after && i < place.count; i++) {
        uint64_t was = pages_shadow(hw, before, place.first + i), is = pages_shadow(hw, after, place.first + i);
        compare->sense.level = place.level;
        kind_t kind = desc_kind(was, place.level);
        if (kind == SUBTABLE && desc_kind(is, place.level) == SUBTABLE) {
            if (linked(hw, was) && linked(hw, is) &&
                differ(hw, compare, was & DESC_ADDRESS, is & DESC_ADDRESS)) {
                return true;
            }
            continue;
        }
        compare->va = place_va(&place, place.first + i);
        compare->global = kind == LEAF ? desc_global(was, place.regime) :
            kind == SUBTABLE && has_leaf(hw, was & DESC_ADDRESS, true);
        bool held = kind == LEAF || has_leaf(hw, was & DESC_ADDRESS, compare->global);
        if (desc_conflict(&compare->sense, was, is) && held && (compare->global || compare->same_asid)) {
            return true;
        }
    }
    return false;
}

// 5k, 5l: translations of a root that is gone without a TLBI contradict those of the new one.
static void check_switch(hw_t *hw, const hw_event_t *event, const hw_core_t *core, const root_t *root) {
    for (const root_t *each = hw->tables->root; each < hw->tables->root + hw->tables->roots; each++) {
        bool same_asid = each->place.asid == root->place.asid;
        if (!each->pa || each->active || each == root || each->high != root->high ||
            each->place.regime != root->place.regime || each->place.level != root->place.level ||
            !(same_asid || each->global)) {
            continue;
        }
        compare_t compare = {
            .sense = {core->mair[root->place.regime], core->sctlr[root->place.regime] >> 19 & 1, 0, root->place.regime},
            .same_asid = same_asid,
        };
        if (differ(hw, &compare, each->pa, root->pa)) {
            hw_report(hw, event, compare.global ? "5k" : "5l", each->replaced,
                "the new table and the one before contradict each other at %#llx%s: the TLB was not emptied between",
                (unsigned long long)compare.va, compare.global ? "" : ", with the same ASID");
        }
    }
}

// --- changes of registers ---

static root_t *find(hw_t *hw, const root_t *like) {
    root_t *unused = NULL, *left = NULL;
    for (root_t *each = hw->tables->root; each < hw->tables->root + hw->tables->roots; each++) {
        if (each->pa && same(each, like)) {
            return each;
        }
        unused = each->pa ? unused : each;
        left = each->active ? left : each;
    }
    if (!unused && hw->tables->roots < ROOTS) {
        unused = &hw->tables->root[hw->tables->roots++];
    }
    if (!unused && left) { // more than are followed: one that is not active is forgotten
        pages_unlink(hw, left->pa);
        *left = (root_t) {0};
        unused = left;
    }
    return unused;
}

static void leave(hw_t *hw, const hw_event_t *event, root_t *root) {
    root->active &= ~(1 << event->core);
    root->core = event->core;
    if (!root->active) {
        root->state = STORED;
        root->replaced = event->insn;
        root->global = has_leaf(hw, root->pa, true);
    }
}

static void enter(hw_t *hw, const hw_event_t *event, const hw_core_t *core, root_t *root, const root_t *now) {
    bool known = root->pa, link = !known || hw->tables->unseen;
    if (known && link) {
        pages_unlink(hw, root->pa);
    }
    unsigned active = known ? root->active : 0;
    if (!known) {
        *root = *now;
    }
    root->active = active | 1 << event->core;
    if (link) {
        // The registers count as written: what becomes reachable is judged by them.
        hw_core_t before = hw->core[event->core];
        hw->core[event->core] = *core;
        pages_link(hw, event, root->pa, &root->place, event->insn ? "5h" : NULL);
        hw->core[event->core] = before;
    }
    if (!active && event->insn) {
        check_switch(hw, event, core, root);
    }
}

void roots_sync(hw_t *hw, const hw_event_t *event, const hw_core_t *core) {
    for (unsigned regime = 1; regime < 4; regime++) {
        for (int high = 0; high < (regime == 1 ? 2 : 1); high++) {
            root_t now = wanted(core, regime, high);
            for (root_t *each = hw->tables->root; each < hw->tables->root + hw->tables->roots; each++) {
                if (each->active >> event->core & 1 && each->high == high && each->place.regime == regime &&
                    !(now.pa && same(each, &now))) {
                    leave(hw, event, each);
                }
            }
            root_t *root = now.pa && pages_of(hw, now.pa) ? find(hw, &now) : NULL;
            if (root && !(root->pa && root->active >> event->core & 1)) {
                enter(hw, event, core, root, &now);
            }
        }
    }
    if (event->insn) {
        hw->tables->unseen = hw->tables->unseen && !(core->sctlr[1] & 1);
    }
}

// --- barriers and TLBI ---

void roots_synchronize(hw_t *hw, unsigned core) {
    for (root_t *each = hw->tables->root; each < hw->tables->root + hw->tables->roots; each++) {
        if (each->pa && !each->active && each->core == core && each->state == STORED) {
            each->state = VISIBLE;
        }
    }
}

void roots_flush(hw_t *hw, const hw_event_t *event) {
    flush_t flush = flush_of(hw, event);
    for (root_t *each = hw->tables->root; each < hw->tables->root + hw->tables->roots; each++) {
        bool all = flush.any_asid || (each->place.asid == flush.asid && !each->global);
        if (each->pa && !each->active && each->state == VISIBLE && !flush.by_va && all &&
            each->place.regime == flush.regime && (flush.shared || !(hw->watch & HW_WATCH_SHARED))) {
            each->state = flush.shared ? FLUSHED : FLUSHED_HERE;
        }
    }
}

void roots_barrier(hw_t *hw, const hw_event_t *event) {
    unsigned types = event->insn->sys & 3, domain = event->insn->sys >> 2 & 3;
    bool all = types == 3 || types == 0, left = false, dropped = false;
    for (root_t *each = hw->tables->root; each < hw->tables->root + hw->tables->roots; each++) {
        bool done = all && (each->state == FLUSHED_HERE || (each->state == FLUSHED && domain != 1));
        if (each->pa && !each->active && done) {
            pages_unlink(hw, each->pa);
            *each = (root_t) {0};
            dropped = true;
        }
        left |= each->pa;
    }
    if (dropped && !left && !hw->tables->pending) {
        pages_clear(hw);
    }
}

void roots_clear(hw_t *hw) {
    for (root_t *each = hw->tables->root; each < hw->tables->root + hw->tables->roots; each++) {
        *each = (root_t) {0};
    }
    hw->tables->roots = 0;
    pages_clear(hw);
}

// --- uses ---

static bool shadows(const hw_t *hw, const root_t *root, unsigned core) {
    return root->pa && !root->active && (root->global || root->place.asid == ANY_ASID ||
        root->place.asid == roots_asid(&hw->core[core]));
}

bool roots_pending(const hw_t *hw) {
    for (const root_t *each = hw->tables->root; each < hw->tables->root + hw->tables->roots; each++) {
        if (shadows(hw, each, 0)) {
            return true;
        }
    }
    return false;
}

bool roots_cover(const hw_t *hw, unsigned core, uint64_t va) {
    unsigned regime = hw_regime(&hw->core[core]), level;
    bool high = regime == 1 && va >> 55 & 1;
    uint64_t desc;
    for (const root_t *each = hw->tables->root; each < hw->tables->root + hw->tables->roots; each++) {
        if (shadows(hw, each, core) && each->high == high && each->place.regime == regime &&
            pages_find(hw, each->pa, va, &desc, &level)) {
            return true;
        }
    }
    return false;
}

bool roots_check(hw_t *hw, const hw_event_t *event, use_t use, const hw_map_t *now) {
    unsigned regime = hw_regime(&hw->core[event->core]), level;
    bool high = regime == 1 && event->va >> 55 & 1, found = false;
    uint64_t desc;
    for (const root_t *each = hw->tables->root; each < hw->tables->root + hw->tables->roots; each++) {
        if (!shadows(hw, each, event->core) || each->high != high || each->place.regime != regime ||
            !pages_find(hw, each->pa, event->va, &desc, &level)) {
            continue;
        }
        place_t place = {.level = level, .regime = regime};
        sense_t sense = pages_sense(hw, event->core, &place);
        bool ours = desc_global(desc, regime) || each->place.asid == ANY_ASID ||
            each->place.asid == roots_asid(&hw->core[event->core]);
        if (ours && pending_matters(&sense, desc, event, use, now)) {
            hw_report(hw, event, "5c", each->replaced, "the TLB may still have a translation of the table before: %s",
                each->state == STORED ? "no ISB after the MSR" : pending_missing(each->state));
            found = true;
        }
    }
    return found;
}
