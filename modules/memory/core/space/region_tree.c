// SPDX-License-Identifier: MIT
// The tree of a space's regions, balanced as AVL trees are: the heights of two siblings differ by 1 at most.

#include "region_tree.h"

#include "space.h"

// Of a tree with a region for each page of a half: 1.44 * 36, rounded up.
#define HEIGHT_MAX (52)

// The links from the root to a region, but for the one that leads to it.
typedef struct _path_t {
    region_t **links[HEIGHT_MAX];
    size_t n;
} path_t;

static uint32_t height(const region_t *r) {
    return r != NULL ? r->height : 0;
}

static uint32_t height_by_children(const region_t *r) {
    uint32_t low = height(r->child[0]);
    uint32_t high = height(r->child[1]);
    return 1 + (low > high ? low : high);
}

// --- reading ---

region_t *region_tree_find(const space_t *space, mem_va_t va) {
    region_t *found = NULL;
    for (region_t *r = space->root; r != NULL;) {
        bool below = r->last < va;
        found = below ? found : r;
        r = r->child[below];
    }
    return found;
}

region_t *region_tree_last(const space_t *space) {
    region_t *r = space->root;
    while (r != NULL && r->child[1] != NULL) {
        r = r->child[1];
    }
    return r;
}

static bool is_balanced(const region_t *r) {
    uint32_t low = height(r->child[0]);
    uint32_t high = height(r->child[1]);
    return low <= high + 1 && high <= low + 1;
}

bool region_tree_is_sound(const space_t *space, mem_stop_t stop) {
    const region_t *above[HEIGHT_MAX];
    size_t n = 0;
    const region_t *at = space->root;
    for (const region_t *r = space->regions;; r = r->next) {
        for (; at != NULL; at = at->child[0]) {
            if (n == HEIGHT_MAX) {
                return false;
            }
            above[n++] = at;
        }
        if (stop != NULL && stop()) {
            return true;
        }
        at = n != 0 ? above[--n] : NULL;
        if (at != r || r == NULL) {
            return at == r;
        }
        if (r->height != height_by_children(r) || !is_balanced(r)) {
            return false;
        }
        at = r->child[1];
    }
}

// --- changes ---

// Puts the child of `side` in the place of its parent.
static void rotate(region_t **link, unsigned side) {
    region_t *r = *link;
    region_t *child = r->child[side];
    r->child[side] = child->child[!side];
    child->child[!side] = r;
    r->height = height_by_children(r);
    child->height = height_by_children(child);
    *link = child;
}

// Balances *link, whose subtrees are balanced and differ in height by 2 at most.
static void balance(region_t **link) {
    region_t *r = *link;
    if (is_balanced(r)) {
        r->height = height_by_children(r);
        return;
    }
    unsigned side = height(r->child[1]) > height(r->child[0]);
    const region_t *child = r->child[side];
    if (height(child->child[!side]) > height(child->child[side])) {
        rotate(&r->child[side], !side);
    }
    rotate(link, side);
}

// Balances from the end of the path upwards, until a subtree has the height that it had.
static void balance_path(const path_t *path) {
    for (size_t n = path->n; n != 0; --n) {
        region_t **link = path->links[n - 1];
        uint32_t before = (*link)->height;
        balance(link);
        if ((*link)->height == before) {
            return;
        }
    }
}

// The link that leads to r, or would lead to it.
static region_t **find_link(space_t *space, const region_t *r, path_t *path) {
    region_t **link = &space->root;
    path->n = 0;
    while (*link != NULL && *link != r) {
        path->links[path->n++] = link;
        link = &(*link)->child[(*link)->start < r->start];
    }
    return link;
}

void region_tree_insert(space_t *space, region_t *r) {
    path_t path;
    r->child[0] = NULL;
    r->child[1] = NULL;
    r->height = 1;
    *find_link(space, r, &path) = r;
    balance_path(&path);
}

// Puts the region after r, the lowest one below its higher child, in the place of r.
static void replace_by_next(region_t **link, path_t *path) {
    region_t *r = *link;
    region_t **lowest = &r->child[1];
    path->links[path->n++] = link;
    size_t own = path->n;
    while ((*lowest)->child[0] != NULL) {
        path->links[path->n++] = lowest;
        lowest = &(*lowest)->child[0];
    }
    region_t *next = *lowest;
    *lowest = next->child[1];
    next->child[0] = r->child[0];
    next->child[1] = r->child[1];
    next->height = r->height;
    *link = next;
    if (path->n != own) {
        path->links[own] = &next->child[1]; // it was a part of r
    }
}

void region_tree_remove(space_t *space, region_t *r) {
    path_t path;
    region_t **link = find_link(space, r, &path);
    if (r->child[0] != NULL && r->child[1] != NULL) {
        replace_by_next(link, &path);
    } else {
        *link = r->child[r->child[0] == NULL];
    }
    balance_path(&path);
}
