// SPDX-License-Identifier: MIT
// A doubly linked list whose links are two members of its items, so that linking takes no memory and unlinking no
// search.
//
// `head` is a pointer to the first item, or NULL. `next` and `prev` are the names of the two members: an item can be in
// several lists by several pairs. The first item's `prev` and the last one's `next` are NULL. Arguments are evaluated
// more than once.

#ifndef MODULES_MEMORY_CORE_LIST_H
#define MODULES_MEMORY_CORE_LIST_H

#include <stddef.h>

// Makes `item`, which is in no list by these members, the first one.
#define LIST_PUSH(head, item, next, prev) \
    do { \
        (item)->prev = NULL; \
        (item)->next = (head); \
        if ((head) != NULL) { \
            (head)->prev = (item); \
        } \
        (head) = (item); \
    } while (0)

// Puts `item`, which is in no list by these members, behind `before`, which is in one.
#define LIST_INSERT_AFTER(before, item, next, prev) \
    do { \
        (item)->prev = (before); \
        (item)->next = (before)->next; \
        if ((item)->next != NULL) { \
            (item)->next->prev = (item); \
        } \
        (before)->next = (item); \
    } while (0)

// Takes `item` out of the list of `head`. Its own members stay as they are.
#define LIST_REMOVE(head, item, next, prev) \
    do { \
        if ((item)->prev != NULL) { \
            (item)->prev->next = (item)->next; \
        } else { \
            (head) = (item)->next; \
        } \
        if ((item)->next != NULL) { \
            (item)->next->prev = (item)->prev; \
        } \
    } while (0)

#endif // MODULES_MEMORY_CORE_LIST_H
