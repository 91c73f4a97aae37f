// SPDX-License-Identifier: MIT
// The names of pins, which depend on the model and the SoC found at boot; see machine_pin.h.

#include <stdio.h>
#include <string.h>

#include "py/runtime.h"

#include "machine_pin.h"

static bool is_here(const machine_pin_name_t *entry) {
    board_model_t model = board_model();
    uint32_t here = model < 32 ? MACHINE_PIN_MODEL(model) : 0;
    return entry->models == MACHINE_PIN_ALL_MODELS || (entry->models & here);
}

int machine_pin_find_board_name(const char *name) {
    for (size_t i = 0; i < machine_pin_name_count; ++i) {
        const machine_pin_name_t *entry = &machine_pin_names[i];
        if (strcmp(entry->name, name) == 0 && is_here(entry)) {
            return entry->pin;
        }
    }
    return -1;
}

// Finds "GPIO17": the number is decimal, without leading zeros.
int machine_pin_find_cpu_name(const char *name) {
    if (strncmp(name, "GPIO", 4) != 0) {
        return -1;
    }
    const char *digits = name + 4;
    uint32_t id = 0;
    for (const char *s = digits; *s != '\0'; ++s) {
        if (*s < '0' || *s > '9' || s - digits >= 2) {
            return -1;
        }
        id = 10 * id + (uint32_t)(*s - '0');
    }
    bool valid = digits[0] != '\0' && (digits[0] != '0' || digits[1] == '\0');
    return valid && id < board_gpio.count ? (int)id : -1;
}

mp_obj_t machine_pin_list_names(bool board) {
    mp_obj_t names = mp_obj_new_list(0, NULL);
    size_t count = board ? machine_pin_name_count : board_gpio.count;
    for (size_t i = 0; i < count; ++i) {
        char text[sizeof("GPIO57")];
        const char *name = board ? machine_pin_names[i].name : text;
        snprintf(text, sizeof(text), "GPIO%u", (unsigned)i);
        if (!board || is_here(&machine_pin_names[i])) {
            mp_obj_list_append(names, MP_OBJ_NEW_QSTR(qstr_from_str(name)));
        }
    }
    return names;
}
