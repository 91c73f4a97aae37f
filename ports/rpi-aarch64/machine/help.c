// SPDX-License-Identifier: MIT
// help() with the texts of help.h, and dir() of modules that define __dir__ (PEP 562). MicroPython's own help()
// prints what has no text here: the Makefile gives its object the name help_of_micropython_obj.

#include <string.h>

#include "py/builtin.h"
#include "py/objmodule.h"
#include "py/runtime.h"

#include "help.h"

#define PATH_SIZE (80)

MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(help_of_micropython_obj);

const char help_general_text[] =
    "MicroPython on a Raspberry Pi without an operating system. Its memory is the module `memory`:\n"
    "\n"
    "  import memory\n"
    "  memory.info()                      the boot report\n"
    "  memory.frames.alloc(4)             physical memory\n"
    "  memory.AddressSpace()              translation tables of the lower half\n"
    "  memory.kernel, memory.identity     the tables in use\n"
    "  memory.heap.alloc(100)             the kernel heap\n"
    "  memory.user.run(code)              a program at EL0\n"
    "  memory.selftest()                  checks of all of these\n"
    "\n"
    "Pins, buses and timers: help(machine) lists them, help(machine.Pin) explains one.\n"
    "help(memory) lists its names, help(memory.frames.alloc) explains one, help('modules') lists the modules.\n"
    "\n"
    "Keys on an empty line:               in a line:\n"
    "  Ctrl-A  raw mode, for tools          Tab               complete the name\n"
    "  Ctrl-B  leave it; the banner         Up, Down          earlier and later lines\n"
    "  Ctrl-C  stop the program             Ctrl-Left, -Right a word back, ahead (or Alt-B, Alt-F)\n"
    "  Ctrl-D  soft reset                   Ctrl-W, Alt-D     delete the word before, after\n"
    "  Ctrl-E  paste mode                   Ctrl-U, Ctrl-K    delete to the start, to the end\n";

// --- texts ---

typedef struct _entry_t {
    const char *name;
    const char *call;
    const char *text;
} entry_t;

static entry_t entry_at(const char *name) {
    const char *call = name + strlen(name) + 1;
    return (entry_t) {name, call, call + strlen(call) + 1};
}

static entry_t first_entry(void) {
    return entry_at(help_texts);
}

static entry_t next_entry(const entry_t *entry) {
    return entry_at(entry->text + strlen(entry->text) + 1);
}

static bool find_entry(const char *name, entry_t *found) {
    for (entry_t e = first_entry(); e.name[0] != '\0'; e = next_entry(&e)) {
        if (strcmp(e.name, name) == 0) {
            *found = e;
            return true;
        }
    }
    return false;
}

// --- the name of an object ---

typedef struct _search_t {
    mp_obj_t object;
    mp_obj_t type;  // whose method the object is; MP_OBJ_NULL: of any
    entry_t found;
} search_t;

// The text of `module.name`, or of the name in the nearest package whose name does not begin with an underscore:
// memory._report.info is memory.info.
static bool find_text(const char *module, const char *name, entry_t *found) {
    char path[PATH_SIZE];
    size_t length = strlen(module);
    if (length + 1 + strlen(name) >= sizeof(path)) {
        return false;
    }
    strcpy(path, module);
    path[length] = '.';
    strcpy(path + length + 1, name);
    if (find_entry(path, found)) {
        return true;
    }
    const char *hidden = strstr(module, "._");
    if (hidden == NULL) {
        return false;
    }
    strcpy(path + (hidden - module) + 1, name);
    return find_entry(path, found);
}

static const char *name_of_key(mp_obj_t key) {
    return mp_obj_is_qstr(key) ? qstr_str(MP_OBJ_QSTR_VALUE(key)) : "";
}

// A method: the class is a name of the module.
static bool search_class(search_t *s, const char *module, const char *name, mp_obj_t value) {
    const mp_obj_type_t *type = MP_OBJ_TO_PTR(value);
    if (!mp_obj_is_type(value, &mp_type_type) || !MP_OBJ_TYPE_HAS_SLOT(type, locals_dict)) {
        return false;
    }
    if (s->type != MP_OBJ_NULL && s->type != value) {
        return false; // classes share functions: I2C and SoftI2C
    }
    const mp_map_t *map = &MP_OBJ_TYPE_GET_SLOT(type, locals_dict)->map;
    for (size_t i = 0; i < map->alloc; ++i) {
        if (mp_map_slot_is_filled(map, i) && map->table[i].value == s->object) {
            char path[PATH_SIZE];
            const char *method = name_of_key(map->table[i].key);
            if (strlen(name) + 1 + strlen(method) < sizeof(path)) {
                strcat(strcat(strcpy(path, name), "."), method);
                return find_text(module, path, &s->found);
            }
        }
    }
    return false;
}

static bool search_module(search_t *s, mp_obj_t module) {
    if (!mp_obj_is_type(module, &mp_type_module)) {
        return false;
    }
    const mp_map_t *map = &mp_obj_module_get_globals(module)->map;
    mp_map_elem_t *own = mp_map_lookup((mp_map_t *)map, MP_OBJ_NEW_QSTR(MP_QSTR___name__), MP_MAP_LOOKUP);
    if (own == NULL || !mp_obj_is_qstr(own->value)) {
        return false;
    }
    const char *name = name_of_key(own->value);
    if (module == s->object) {
        return find_entry(name, &s->found);
    }
    for (size_t i = 0; i < map->alloc; ++i) {
        if (mp_map_slot_is_filled(map, i)) {
            const char *key = name_of_key(map->table[i].key);
            mp_obj_t value = map->table[i].value;
            if ((value == s->object && find_text(name, key, &s->found)) || search_class(s, name, key, value)) {
                return true;
            }
        }
    }
    return false;
}

static bool search_modules(search_t *s, const mp_map_t *modules) {
    for (size_t i = 0; i < modules->alloc; ++i) {
        if (mp_map_slot_is_filled(modules, i) && search_module(s, modules->table[i].value)) {
            return true;
        }
    }
    return false;
}

static bool find_object(mp_obj_t object, mp_obj_t type, entry_t *found) {
    search_t s = {.object = object, .type = type};
    bool any = search_modules(&s, &MP_STATE_VM(mp_loaded_modules_dict).map)
        || search_modules(&s, &mp_builtin_module_map) || search_modules(&s, &mp_builtin_extensible_module_map);
    *found = s.found;
    return any;
}

// --- help(object) ---

static void print_entry(const entry_t *entry) {
    const char *call = entry->call[0] != '\0' ? entry->call : entry->name;
    mp_printf(MP_PYTHON_PRINTER, "%s\n  %s\n", call, entry->text);
}

// The names of a module or class: those with one more part.
static void print_members(const entry_t *of) {
    size_t length = strlen(of->name);
    for (entry_t e = first_entry(); e.name[0] != '\0'; e = next_entry(&e)) {
        const char *member = e.name + length + 1;
        if (strncmp(e.name, of->name, length) == 0 && member[-1] == '.' && strchr(member, '.') == NULL) {
            mp_printf(MP_PYTHON_PRINTER, "  %s -- %s\n", member, e.text);
        }
    }
}

// The names of a native type without an entry: constants, and the methods that MicroPython gives to every bus.
static void print_others(const entry_t *of, mp_obj_t object) {
    const mp_obj_type_t *type = mp_obj_is_type(object, &mp_type_type) ? MP_OBJ_TO_PTR(object) : mp_obj_get_type(object);
    if (!MP_OBJ_TYPE_HAS_SLOT(type, locals_dict)) {
        return;
    }
    const char *before = "  also ";
    const mp_map_t *map = &MP_OBJ_TYPE_GET_SLOT(type, locals_dict)->map;
    for (size_t i = 0; i < map->alloc; ++i) {
        const char *name = mp_map_slot_is_filled(map, i) ? name_of_key(map->table[i].key) : "_";
        entry_t found;
        if (name[0] != '_' && !find_text(of->name, name, &found)) {
            mp_printf(MP_PYTHON_PRINTER, "%s%s", before, name);
            before = ", ";
        }
    }
    if (before[0] == ',') {
        mp_print_str(MP_PYTHON_PRINTER, "\n");
    }
}

// As in py/objboundmeth.c and py/runtime.c, which keep them to themselves. A test calls help() with both.
typedef struct _bound_method_t {
    mp_obj_base_t base;
    mp_obj_t function;
    mp_obj_t self;
} bound_method_t;

typedef struct _checked_function_t {
    mp_obj_base_t base;
    const mp_obj_type_t *type;
    mp_obj_t function;
} checked_function_t;

static bool is_plain_function(const mp_obj_type_t *type) {
    return type == &mp_type_fun_builtin_0 || type == &mp_type_fun_builtin_1 || type == &mp_type_fun_builtin_2
           || type == &mp_type_fun_builtin_3 || type == &mp_type_fun_builtin_var || type == &mp_type_fun_bc
           || type == &mp_type_gen_wrap;
}

// The function behind a method of an object (bound) or of a native class (which checks its first argument), and the
// class.
static mp_obj_t get_function(mp_obj_t object, mp_obj_t *class) {
    const mp_obj_type_t *type = mp_obj_get_type(object);
    if (type == &mp_type_bound_meth) {
        const bound_method_t *method = MP_OBJ_TO_PTR(object);
        *class = MP_OBJ_FROM_PTR(mp_obj_get_type(method->self));
        return method->function;
    }
    if (type->name == MP_QSTR_function && !is_plain_function(type)) {
        const checked_function_t *function = MP_OBJ_TO_PTR(object);
        *class = MP_OBJ_FROM_PTR(function->type);
        return function->function;
    }
    return object;
}

static mp_obj_t help_builtin(size_t n_args, const mp_obj_t *args) {
    entry_t entry;
    if (n_args == 1) {
        mp_obj_t type = MP_OBJ_FROM_PTR(mp_obj_get_type(args[0]));
        mp_obj_t class = MP_OBJ_NULL;
        mp_obj_t function = get_function(args[0], &class);
        if (find_object(function, class, &entry) || find_object(function, MP_OBJ_NULL, &entry)
            || find_object(type, MP_OBJ_NULL, &entry)) {
            print_entry(&entry);
            print_members(&entry);
            print_others(&entry, args[0]);
            return mp_const_none;
        }
    }
    return mp_call_function_n_kw(MP_OBJ_FROM_PTR(&help_of_micropython_obj), n_args, 0, args);
}
MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mp_builtin_help_obj, 0, 1, help_builtin);

// --- dir(module) ---

static mp_obj_t call_module_dir(mp_obj_t module) {
    return mp_call_function_0(mp_load_attr(module, MP_QSTR___dir__));
}
static MP_DEFINE_CONST_FUN_OBJ_1(call_module_dir_obj, call_module_dir);

// What py/modbuiltins.c calls in place of mp_load_method_protected() (Makefile). dir() asks for __dir__ first, and
// calls it if it is a method, which a function of a module is not.
void help_load_method_protected(mp_obj_t obj, qstr attr, mp_obj_t *dest, bool catch_all_exc);

void help_load_method_protected(mp_obj_t obj, qstr attr, mp_obj_t *dest, bool catch_all_exc) {
    mp_load_method_protected(obj, attr, dest, catch_all_exc);
    if (attr == MP_QSTR___dir__ && dest[0] != MP_OBJ_NULL && dest[1] == MP_OBJ_NULL
        && mp_obj_is_type(obj, &mp_type_module)) {
        dest[0] = MP_OBJ_FROM_PTR(&call_module_dir_obj);
        dest[1] = obj;
    }
}
