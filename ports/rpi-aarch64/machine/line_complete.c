// SPDX-License-Identifier: MIT
// Tab at the prompt; see line_complete.h. MicroPython completes names. After `import` it offers native modules only,
// so the modules that are frozen into the image are found here.

#include <string.h>

#include "py/builtin.h"
#include "py/objmodule.h"
#include "py/mpstate.h"
#include "py/repl.h"
#include "py/runtime.h"

#include "line_complete.h"

#define NAMES_PER_LINE (4)

extern const char mp_frozen_names[];

// A search for the modules whose name begins with what was typed. `rest` is what all of them have after it.
typedef struct _search_t {
    const char *typed;
    size_t size;
    const char *rest;
    size_t rest_size;
    unsigned count;
    bool print;
} search_t;

// --- the modules ---

// The part of the name that is being typed: after the last dot.
static size_t part_start(const search_t *s) {
    size_t start = s->size;
    while (start > 0 && s->typed[start - 1] != '.') {
        --start;
    }
    return start;
}

// `name` has `size` bytes and begins with what was typed.
static void found(search_t *s, const char *name, size_t size) {
    size_t start = part_start(s);
    if (name[start] == '_' && start == s->size) {
        return; // private names are offered to those who typed the underscore
    }
    if (s->print) {
        mp_printf(&mp_plat_print, "%s%-18.*s", s->count % NAMES_PER_LINE == 0 ? "\n" : "", (int)(size - start),
            name + start);
    }
    const char *rest = name + s->size;
    size_t rest_size = size - s->size;
    if (s->count++ == 0) {
        s->rest = rest;
        s->rest_size = rest_size;
        return;
    }
    size_t same = 0;
    while (same < rest_size && same < s->rest_size && rest[same] == s->rest[same]) {
        ++same;
    }
    s->rest_size = same;
}

static void search_map(search_t *s, const mp_map_t *map) {
    for (size_t i = 0; i < map->alloc; ++i) {
        if (mp_map_slot_is_filled(map, i)) {
            size_t size;
            const char *name = mp_obj_str_get_data(map->table[i].key, &size);
            if (size >= s->size && memcmp(name, s->typed, s->size) == 0) {
                found(s, name, size);
            }
        }
    }
}

// Whether the path of a frozen file begins with what was typed; its folders stand for the dots.
static bool begins(const char *path, const search_t *s) {
    for (size_t i = 0; i < s->size; ++i) {
        if (path[i] != (s->typed[i] == '.' ? '/' : s->typed[i])) {
            return false;
        }
    }
    return true;
}

// memory/pagers/__init__.py and memory/frames.py are memory.pagers and memory.frames.
static void search_frozen(search_t *s) {
    for (const char *path = mp_frozen_names; *path != '\0'; path += strlen(path) + 1) {
        if (begins(path, s)) {
            size_t size = s->size + strcspn(path + s->size, "/.");
            bool is_package = strcmp(path + size, "/__init__.py") == 0;
            bool is_init = strncmp(path + part_start(s), "__init__.", 9) == 0;
            if (is_package || (strcmp(path + size, ".py") == 0 && !is_init)) {
                found(s, path, size);
            }
        }
    }
}

static void search_all(search_t *s) {
    s->count = 0;
    search_map(s, &mp_builtin_module_map);
    search_map(s, &mp_builtin_extensible_module_map);
    search_frozen(s);
}

static size_t complete_module(const char *typed, size_t size, const char **text) {
    search_t s = {.typed = typed, .size = size};
    search_all(&s);
    *text = s.rest;
    if (s.count <= 1 || s.rest_size > 0) {
        return s.rest_size;
    }
    s.print = true;
    search_all(&s);
    mp_print_str(&mp_plat_print, "\n");
    return LINE_COMPLETE_MANY;
}

// --- the line ---

static bool starts_with(const char *line, size_t size, const char *word) {
    size_t length = strlen(word);
    return size > length && memcmp(line, word, length) == 0;
}

// Where the name of a module begins that ends the line; NULL: the line does not end with one.
static const char *find_module(const char *line, size_t size) {
    const char *end = line + size;
    while (line < end && *line == ' ') {
        ++line;
    }
    bool from = starts_with(line, (size_t)(end - line), "from ");
    if (!from && !starts_with(line, (size_t)(end - line), "import ")) {
        return NULL;
    }
    const char *name = end;
    while (unichar_isident((uint8_t)name[-1]) || name[-1] == '.') {
        --name;
    }
    // from memory import ...: what follows is not a module.
    return from && name != line + strlen("from ") ? NULL : name;
}

static bool offers_private;

// What py/repl.c calls in place of mp_load_method_protected() (Makefile): names that begin with an underscore are
// there only for those who typed one.
void line_load_method_protected(mp_obj_t obj, qstr attr, mp_obj_t *dest, bool catch_all_exc);

void line_load_method_protected(mp_obj_t obj, qstr attr, mp_obj_t *dest, bool catch_all_exc) {
    dest[0] = dest[1] = MP_OBJ_NULL;
    if (offers_private || qstr_str(attr)[0] != '_') {
        mp_load_method_protected(obj, attr, dest, catch_all_exc);
    }
}

// Whether a part of the dotted name that ends the line begins with an underscore.
static bool has_private_part(const char *line, size_t size) {
    for (size_t at = size; at > 0; --at) {
        char c = line[at - 1];
        if (c != '.' && !unichar_isident((uint8_t)c)) {
            return false;
        }
        if (c == '_' && (at == 1 || !unichar_isident((uint8_t)line[at - 2]))) {
            return true;
        }
    }
    return false;
}

size_t line_complete(const char *line, size_t size, const char **text) {
    const char *module = find_module(line, size);
    if (module != NULL) {
        return complete_module(module, (size_t)(line + size - module), text);
    }
    offers_private = has_private_part(line, size);
    return mp_repl_autocomplete(line, size, &mp_plat_print, text);
}
