// SPDX-License-Identifier: MIT
// Gives the macros of list.h symbols that a test can call: items in two lists at once, by two pairs of links.

#include "core/list.h"

typedef struct _item_t {
    struct _item_t *next, *prev;
    struct _item_t *other_next, *other_prev;
} item_t;

void shim_push(item_t **head, item_t *item);
void shim_insert_after(item_t *before, item_t *item);
void shim_remove(item_t **head, item_t *item);
void shim_push_other(item_t **head, item_t *item);
void shim_remove_other(item_t **head, item_t *item);

void shim_push(item_t **head, item_t *item) {
    LIST_PUSH(*head, item, next, prev);
}

void shim_insert_after(item_t *before, item_t *item) {
    LIST_INSERT_AFTER(before, item, next, prev);
}

void shim_remove(item_t **head, item_t *item) {
    LIST_REMOVE(*head, item, next, prev);
}

void shim_push_other(item_t **head, item_t *item) {
    LIST_PUSH(*head, item, other_next, other_prev);
}

void shim_remove_other(item_t **head, item_t *item) {
    LIST_REMOVE(*head, item, other_next, other_prev);
}
