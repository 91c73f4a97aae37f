// SPDX-License-Identifier: MIT
// Descriptors on their way into the TLB (written, seen by walks after a DSB, used after an ISB) and
// out of it (replaced, seen after a DSB, invalidated by TLBI, gone after a DSB).
#include <stdlib.h>

#include "lines.h"
#include "tables_private.h"

const char *pending_missing(state_t state) {
    return state == STORED ? "no DSB between the store and a TLBI" : state == VISIBLE ? "no TLBI of it since" :
           "no DSB of its domain after the TLBI";
}

static pending_t *find(const hw_t *hw, uint64_t table, uint64_t va) {
    for (pending_t *each = hw->tables->pending; each; each = each->next) {
        if (each->table == table && each->place.va == va) {
            return each;
        }
    }
    return NULL;
}

static pending_t *of(hw_t *hw, unsigned core, uint64_t pa, const place_t *place) {
    uint64_t table = pa & ~(HW_PAGE - 1ull);
    pending_t *pending = find(hw, table, place->va);
    if (!pending) {
        pending = calloc(1, sizeof *pending);
        slot_t *slot = calloc(ENTRIES, sizeof *slot);
        if (!pending || !slot) {
            abort();
        }
        pending->slot = slot;
        pending->table = table;
        pending->place = *place;
        pending->low = ENTRIES;
        pending->next = hw->tables->pending;
        hw->tables->pending = pending;
    }
    pending->core = core;
    return pending;
}

static void set_range(pending_t *pending, unsigned low, unsigned high) {
    pending->low = low;
    pending->high = high;
    pending->va = place_va(&pending->place, low);
    pending->size = (high + 1ull - low) * desc_span(pending->place.level);
}

static void widen(pending_t *pending, unsigned at) {
    set_range(pending, at < pending->low ? at : pending->low, at > pending->high ? at : pending->high);
}

// --- stores ---

static void mark(hw_t *hw, const hw_event_t *event, pending_t *pending, unsigned at, uint64_t before) {
    if (pending->slot[at].stale == SETTLED) {
        pending->slot[at].old = before;
        pending->slot[at].replaced = true;
    } else {
        pages_gone(hw, before, &pending->place); // of those replaced in between only the last is kept
    }
    pending->slot[at].also = before;
    pending->slot[at].stale = STORED;
    pending->slot[at].fresh = SETTLED;
    pending->slot[at].writer = event->insn;
    widen(pending, at);
}

// The leaves below a table that is no longer linked; they stay counted until the table is gone.
static void mark_below(hw_t *hw, const hw_event_t *event, uint64_t table) {
    const page_t *page = pages_of(hw, table);
    if (!page || page->links != 1) { // still linked by another
        return;
    }
    pending_t *pending = of(hw, event->core, table, &page->place);
    for (unsigned i = 0; i < ENTRIES; i++) {
        uint64_t desc = pages_shadow(hw, table, i);
        kind_t kind = desc_kind(desc, page->place.level);
        if (kind == SUBTABLE) {
            mark_below(hw, event, desc & DESC_ADDRESS);
        } else if (kind == LEAF && pending->slot[i].stale == SETTLED) {
            pending->slot[i].old = pending->slot[i].also = desc;
            pending->slot[i].stale = STORED;
            pending->slot[i].writer = event->insn;
            widen(pending, i);
        }
    }
}

void pending_replaced(hw_t *hw, const hw_event_t *event, const page_t *page, unsigned at, uint64_t before) {
    uint64_t table = event->pa & ~(HW_PAGE - 1ull);
    unsigned first = at, last = at;
    if (desc_kind(before, page->place.level) == LEAF && before & DESC_CONTIGUOUS) {
        first = at & ~15u; // one TLB entry may hold all of the set
        last = first + 15;
    }
    pending_t *pending = of(hw, event->core, table, &page->place);
    for (unsigned i = first; i <= last; i++) {
        if (i == at) {
            mark(hw, event, pending, i, before);
        } else if (pending->slot[i].stale == SETTLED && pages_shadow(hw, table, i) & 1) {
            pending->slot[i].old = pending->slot[i].also = pages_shadow(hw, table, i);
            pending->slot[i].stale = STORED;
            pending->slot[i].writer = event->insn;
            widen(pending, i);
        }
    }
    if (desc_kind(before, page->place.level) == SUBTABLE) {
        mark_below(hw, event, before & DESC_ADDRESS);
    }
}

// 5a: made before the old one was gone.
void pending_written(hw_t *hw, const hw_event_t *event, const page_t *page, unsigned at) {
    pending_t *pending = of(hw, event->core, event->pa, &page->place);
    slot_t *slot = &pending->slot[at];
    sense_t sense = pages_sense(hw, event->core, &page->place);
    uint64_t after = pages_shadow(hw, event->pa, at);
    if (slot->stale != SETTLED && !(slot->also == after && slot->old == after)) {
        bool conflict = desc_conflict(&sense, slot->old, after) ||
            desc_conflict(&sense, slot->also, after);
        // A break without the store of an invalid descriptor is 5b, which was reported.
        if (conflict && slot->writer != event->insn) {
            hw_report(hw, event, "5a", slot->writer, "the descriptor for %#llx is made before its break: %s",
                (unsigned long long)place_va(&page->place, at), pending_missing(slot->stale));
        }
    }
    // Valid before too: what matters until the TLBI is the old one.
    bool replaces = slot->stale != SETTLED && slot->writer == event->insn;
    slot->fresh = replaces ? SETTLED : STORED;
    slot->writer = event->insn;
    widen(pending, at);
}

// --- barriers ---

static void settle(hw_t *hw, pending_t *pending, unsigned at) {
    pending->slot[at].stale = SETTLED;
    if (pending->slot[at].replaced) {
        pending->slot[at].replaced = false;
        pages_gone(hw, pending->slot[at].old, &pending->place);
    }
}

static void drop_settled(hw_t *hw) {
    for (pending_t **link = &hw->tables->pending; *link;) {
        pending_t *each = *link;
        unsigned low = ENTRIES, high = 0;
        for (unsigned i = each->low; i <= each->high && i < ENTRIES; i++) {
            if (each->slot[i].stale || each->slot[i].fresh) {
                low = low < i ? low : i;
                high = i;
            }
        }
        if (low == ENTRIES) {
            *link = each->next;
            free(each->slot);
            free(each);
        } else {
            set_range(each, low, high);
            link = &each->next;
        }
    }
}

void pending_barrier(hw_t *hw, const hw_event_t *event) {
    unsigned types = event->insn->sys & 3, domain = event->insn->sys >> 2 & 3;
    bool stores = types != 1, all = types == 3 || types == 0, shared = domain >= 2 || domain == 0;
    for (pending_t *each = hw->tables->pending; each; each = each->next) {
        for (unsigned i = each->low; i <= each->high && i < ENTRIES; i++) {
            if (stores && each->slot[i].fresh == STORED) {
                each->slot[i].fresh = VISIBLE;
            }
            if (all && (each->slot[i].stale == FLUSHED_HERE || (each->slot[i].stale == FLUSHED && shared))) {
                settle(hw, each, i);
            } else if (stores && each->slot[i].stale == STORED) {
                each->slot[i].stale = VISIBLE;
            }
        }
    }
    drop_settled(hw);
}

// 5e: TCR lets walks bypass the cache, and the descriptor is still in it.
static void check_dirty(hw_t *hw, const hw_event_t *event, const pending_t *pending, unsigned at) {
    uint64_t pa = pending->table + 8 * at;
    const line_t *line = lines_at(hw, pa);
    bool cached = pages_cached(hw, event->core, &pending->place);
    if (!cached && line->dirty & line_mask(pa, 8) && !(line->flags & LINE_CLEANED)) {
        hw_report(hw, event, "5e", pending->slot[at].writer,
            "TCR lets walks bypass the cache, and the descriptor for %#llx is in it only",
            (unsigned long long)place_va(&pending->place, at));
    }
}

void pending_synchronize(hw_t *hw, const hw_event_t *event) {
    for (pending_t *each = hw->tables->pending; each; each = each->next) {
        for (unsigned i = each->low; i <= each->high && i < ENTRIES; i++) {
            if (each->core == event->core && each->slot[i].fresh == VISIBLE) {
                each->slot[i].fresh = SETTLED;
                check_dirty(hw, event, each, i);
                pages_check_set(hw, event, each->table, i, each->slot[i].writer);
            }
        }
    }
    drop_settled(hw);
}

// --- TLBI ---

flush_t flush_of(const hw_t *hw, const hw_event_t *event) {
    unsigned op1 = HW_SYS_OP1(event->insn->sys), op2 = event->insn->sys & 7;
    flush_t flush = {.regime = op1 == 0 ? 1 : op1 == 4 ? 2 : 3, .shared = (event->insn->sys >> 3 & 15) == 3};
    flush.by_va = op2 & 1;
    flush.last = (op2 & 5) == 5;
    flush.any_asid = op2 == 3 || op2 == 7 || flush.regime != 1;
    flush.asid = event->value >> 48;
    if (!(hw->core[event->core].tcr[1] >> 36 & 1)) { // TCR.AS: 8 bits
        flush.asid &= 0xff;
    }
    flush.va = (uint64_t)((int64_t)(event->value << 20) >> 8);
    flush.global = op2 != 2;
    if (op2 == 0 || op2 == 4 || op2 == 6) { // ALLEn, VMALLE1; ALLE1 and VMALLS12E1 are EL1's
        flush.any_asid = true;
        flush.regime = op1 == 4 && op2 ? 1 : flush.regime;
    }
    return flush;
}

static bool flushes(const flush_t *flush, const pending_t *pending, unsigned at) {
    const place_t *place = &pending->place;
    bool table = desc_kind(pending->slot[at].old, place->level) == SUBTABLE;
    if (flush->regime != place->regime || (table && flush->last)) {
        return false;
    }
    if (flush->by_va && (flush->va - place_va(place, at)) >= desc_span(place->level)) {
        return false;
    }
    bool global = !table && desc_global(pending->slot[at].old, place->regime);
    return flush->any_asid || (global ? flush->global : place->asid == flush->asid || place->asid == ANY_ASID);
}

void pending_flush(hw_t *hw, const hw_event_t *event) {
    flush_t flush = flush_of(hw, event);
    if (!flush.shared && hw->watch & HW_WATCH_SHARED) {
        return; // the other core still has it
    }
    for (pending_t *each = hw->tables->pending; each; each = each->next) {
        for (unsigned i = each->low; i <= each->high && i < ENTRIES; i++) {
            if (each->slot[i].stale == VISIBLE && flushes(&flush, each, i)) {
                each->slot[i].stale = flush.shared ? FLUSHED : FLUSHED_HERE;
            }
        }
    }
}

void pending_clear(hw_t *hw) {
    for (pending_t *each = hw->tables->pending; each; each = each->next) {
        each->low = ENTRIES;
        each->high = 0;
    }
    drop_settled(hw);
}

// --- uses ---

typedef struct {
    bool was, is;
} allowed_t;

// Whether the old leaf allows the use, and whether the tables do now.
static allowed_t allowed(const sense_t *sense, uint64_t old, const hw_event_t *event, use_t use, const hw_map_t *now) {
    unsigned el = sense->el;
    use_t unused;
    tables_use(event, &unused, &el);
    sense_t leaf = *sense;
    leaf.level = now->level;
    return (allowed_t) {desc_allows(sense, old, use, el), now->valid && desc_allows(&leaf, now->descriptor, use, el)};
}

static bool elsewhere(const sense_t *sense, uint64_t old, const hw_event_t *event, const hw_map_t *now) {
    return desc_pa(old, sense->level, event->va) != now->pa || desc_memory(old, sense->mair) != now->memory;
}

bool pending_matters(const sense_t *sense, uint64_t old, const hw_event_t *event, use_t use, const hw_map_t *now) {
    kind_t kind = desc_kind(old, sense->level);
    if (kind != LEAF) {
        return kind == SUBTABLE;
    }
    allowed_t allows = allowed(sense, old, event, use, now);
    return allows.was != allows.is || (allows.was && elsewhere(sense, old, event, now));
}

// For a report of 5c: whether permissions were taken away or given, where no more than these changed.
static const char *permissions(const sense_t *sense, uint64_t old, const hw_event_t *event, use_t use,
    const hw_map_t *now) {
    if (desc_kind(old, sense->level) != LEAF || !now->valid || elsewhere(sense, old, event, now)) {
        return "";
    }
    allowed_t allows = allowed(sense, old, event, use, now);
    return allows.was == allows.is ? "" : allows.was ? "; it is denied now, and may still go through" :
           "; it is allowed now, and may still fault";
}

static bool check_one(hw_t *hw, const hw_event_t *event, const pending_t *pending, use_t use, const hw_map_t *now) {
    const place_t *place = &pending->place;
    const slot_t *slot = &pending->slot[pending->low + (event->va - pending->va) / desc_span(place->level)];
    sense_t sense = pages_sense(hw, event->core, place);
    bool table = desc_kind(slot->old, place->level) == SUBTABLE;
    bool ours = table || desc_global(slot->old, place->regime) || place->asid == ANY_ASID ||
        place->asid == roots_asid(&hw->core[event->core]);
    if (slot->stale && ours && (pending_matters(&sense, slot->old, event, use, now) ||
                                pending_matters(&sense, slot->also, event, use, now))) {
        hw_report(hw, event, "5c", slot->writer, "%s uses what the TLB may still have from before the store: %s%s",
            event->kind == HW_EXCEPTION ? "a fault" : use == EXECUTE ? "a fetch" : "an access",
            pending_missing(slot->stale), permissions(&sense, slot->old, event, use, now));
        return true;
    }
    if (slot->fresh && event->kind != HW_EXCEPTION) {
        hw_report(hw, event, "5d", slot->writer, "a new descriptor is used, and no %s followed its store",
            slot->fresh == STORED ? "DSB" : "ISB");
        return true;
    }
    return false;
}

static bool covers(const pending_t *pending, unsigned regime, uint64_t va) {
    return va - pending->va < pending->size && pending->place.regime == regime;
}

bool pending_covers(const hw_t *hw, unsigned core, uint64_t va) {
    unsigned regime = hw_regime(&hw->core[core]);
    for (const pending_t *each = hw->tables->pending; each; each = each->next) {
        if (covers(each, regime, va)) {
            return true;
        }
    }
    return false;
}

bool pending_check(hw_t *hw, const hw_event_t *event, use_t use, const hw_map_t *now) {
    unsigned regime = hw_regime(&hw->core[event->core]);
    bool found = false;
    for (const pending_t *each = hw->tables->pending; each; each = each->next) {
        found |= covers(each, regime, event->va) && check_one(hw, event, each, use, now);
    }
    return found;
}
