// SPDX-License-Identifier: MIT
// The line editor of the prompt and of input(): shared/readline/readline.h for UTF-8. A line is bytes; the cursor is
// always between two characters, and every key acts on whole characters. In place of MicroPython's own editor, which
// drops every byte above 126.

#include <stdio.h>
#include <string.h>

#include "py/mphal.h"
#include "py/mpstate.h"
#include "py/runtime.h"
#include "shared/readline/readline.h"

#include "line_complete.h"
#include "line_keys.h"

#define INDENT (4)

static struct {
    vstr_t *line;       // with the lines before, of a statement that goes on
    const char *prompt;
    size_t start;       // of this line
    size_t cursor;
    int history;        // the line of the history that is shown; -1: none
    bool indents;       // lines of this statement are indented
    bool is_indented;   // the indentation was added just now
    line_keys_t keys;
} edit;

// --- characters ---

static bool is_continuation(char c) {
    return ((uint8_t)c & 0xc0) == 0x80;
}

static size_t before(size_t at) {
    do {
        --at;
    } while (at > edit.start && is_continuation(edit.line->buf[at]));
    return at;
}

static size_t after(size_t at) {
    do {
        ++at;
    } while (at < edit.line->len && is_continuation(edit.line->buf[at]));
    return at;
}

// The character of the bytes [at, end). MicroPython's utf8_get_char() would read on behind the end of the line.
static uint32_t character(size_t at, size_t end) {
    uint8_t first = (uint8_t)edit.line->buf[at];
    uint32_t value = end - at == 1 ? first : first & (0x7f >> (end - at));
    while (++at < end) {
        value = value << 6 | ((uint8_t)edit.line->buf[at] & 0x3f);
    }
    return value;
}

static unsigned columns(size_t from, size_t to) {
    unsigned count = 0;
    for (size_t at = from, end; at < to; at = end) {
        end = after(at);
        count += line_keys_columns(character(at, end));
    }
    return count;
}

// --- words: letters and digits; every character beyond ASCII counts as a letter ---

static bool is_in_word(size_t at) {
    uint8_t c = (uint8_t)edit.line->buf[at];
    return c >= 0x80 || unichar_isalnum(c);
}

static size_t word_before(size_t at) {
    while (at > edit.start && !is_in_word(at - 1)) {
        --at;
    }
    while (at > edit.start && is_in_word(at - 1)) {
        --at;
    }
    return at;
}

static size_t word_after(size_t at) {
    while (at < edit.line->len && !is_in_word(at)) {
        ++at;
    }
    while (at < edit.line->len && is_in_word(at)) {
        ++at;
    }
    return at;
}

// --- the screen ---

static void move_back(unsigned count) {
    char sequence[16];
    if (count > INDENT) {
        int size = snprintf(sequence, sizeof(sequence), "\x1b[%uD", count);
        mp_hal_stdout_tx_strn(sequence, (size_t)size);
    } else if (count > 0) {
        mp_hal_stdout_tx_strn("\b\b\b\b", count);
    }
}

static void write(size_t from, size_t to) {
    if (to > from) {
        mp_hal_stdout_tx_strn(edit.line->buf + from, to - from);
    }
}

// Writing what is there moves the cursor right.
static void move_to(size_t at) {
    if (at < edit.cursor) {
        move_back(columns(at, edit.cursor));
    } else {
        write(edit.cursor, at);
    }
    edit.cursor = at;
}

static void write_tail(void) {
    write(edit.cursor, edit.line->len);
    move_back(columns(edit.cursor, edit.line->len));
}

static void erase_tail(void) {
    mp_hal_stdout_tx_strn("\x1b[K", 3);
}

// --- changes ---

static void insert(const char *bytes, size_t size) {
    vstr_add_len(edit.line, size);
    char *at = edit.line->buf + edit.cursor;
    memmove(at + size, at, edit.line->len - edit.cursor - size);
    memcpy(at, bytes, size);
    write(edit.cursor, edit.cursor + size);
    edit.cursor += size;
    write_tail();
}

static void cut(size_t from, size_t to) {
    if (to > from) {
        move_to(from);
        vstr_cut_out_bytes(edit.line, from, to - from);
        erase_tail();
        write_tail();
    }
}

static void replace(const char *text) {
    move_to(edit.start);
    edit.line->len = edit.start;
    vstr_add_str(edit.line, text);
    erase_tail();
    move_to(edit.line->len);
}

// --- history ---

MP_REGISTER_ROOT_POINTER(const char *readline_hist[MICROPY_READLINE_HISTORY_SIZE]);

void readline_init0(void) {
    memset(MP_STATE_VM(readline_hist), 0, sizeof(MP_STATE_VM(readline_hist)));
}

void readline_push_history(const char *line) {
    const char **history = MP_STATE_VM(readline_hist);
    size_t size = strlen(line) + 1;
    char *copy = NULL;
    if (size > 1 && (history[0] == NULL || strcmp(history[0], line) != 0)) {
        copy = m_new_maybe(char, size);
    }
    if (copy != NULL) { // a full heap must not end the line
        memcpy(copy, line, size);
        memmove(history + 1, history, (MICROPY_READLINE_HISTORY_SIZE - 1) * sizeof(history[0]));
        history[0] = copy;
    }
}

static void show_history(int step) {
    int line = edit.history + step;
    if (line >= -1 && line < MICROPY_READLINE_HISTORY_SIZE) {
        const char *text = line < 0 ? "" : MP_STATE_VM(readline_hist)[line];
        if (text != NULL) {
            edit.history = line;
            replace(text);
        }
    }
}

// --- indentation ---

// The spaces from `at` on.
static size_t count_spaces(size_t at) {
    size_t end = at;
    while (end < edit.line->len && edit.line->buf[end] == ' ') {
        ++end;
    }
    return end - at;
}

// Where the line ends whose first byte `at` is; its newline is there.
static size_t line_start(size_t end) {
    while (end > 0 && edit.line->buf[end - 1] != '\n') {
        --end;
    }
    return end;
}

// Indents as the line above, by one step more after a colon. Two lines of spaces alone end that.
static void indent(void) {
    const vstr_t *line = edit.line;
    if (!edit.indents || line->len < 2 || line->buf[line->len - 1] != '\n') {
        return;
    }
    size_t end = line->len - 1;
    size_t above = line_start(end);
    size_t spaces = count_spaces(above);
    if (above > 0 && above + spaces == end) {
        size_t second = line_start(above - 1);
        if (second > 0 && second + count_spaces(second) == above - 1) {
            return;
        }
    }
    size_t steps = spaces / INDENT + (line->buf[end - 1] == ':');
    for (size_t i = 0; i < steps; ++i) {
        insert("    ", INDENT);
        edit.is_indented = true;
    }
}

// A pasted block brings its own indentation: its first space or tab replaces ours. Returns whether it did.
static bool take_back_indentation(uint8_t byte) {
    if (byte != ' ' && byte != '\t') {
        return false;
    }
    edit.indents = false;
    if (byte == ' ') {
        cut(edit.cursor - (INDENT - 1), edit.cursor);
    }
    return true;
}

// --- keys ---

// One character, or a step of the indentation.
static void backspace(void) {
    if (edit.cursor == edit.start) {
        return;
    }
    size_t spaces = count_spaces(edit.start);
    bool at_indentation = edit.start + spaces >= edit.cursor && edit.cursor - edit.start >= INDENT;
    cut(at_indentation ? edit.cursor - INDENT : before(edit.cursor), edit.cursor);
}

static void tab(void) {
    if (edit.cursor > 0 && unichar_isspace((uint8_t)edit.line->buf[edit.cursor - 1])) {
        insert("    ", INDENT);
        return;
    }
    const char *text;
    size_t size = line_complete(edit.line->buf + edit.start, edit.cursor - edit.start, &text);
    if (size == LINE_COMPLETE_MANY) {
        mp_hal_stdout_tx_str(edit.prompt);
        write(edit.start, edit.cursor);
        write_tail();
    } else if (size > 0) {
        insert(text, size);
    }
}

static void move(line_key_t key) {
    switch (key) {
        case KEY_LEFT:
            move_to(edit.cursor > edit.start ? before(edit.cursor) : edit.cursor);
            break;
        case KEY_RIGHT:
            move_to(edit.cursor < edit.line->len ? after(edit.cursor) : edit.cursor);
            break;
        case KEY_WORD_LEFT:
            move_to(word_before(edit.cursor));
            break;
        case KEY_WORD_RIGHT:
            move_to(word_after(edit.cursor));
            break;
        case KEY_HOME:
            move_to(edit.start);
            break;
        case KEY_END:
            move_to(edit.line->len);
            break;
        default:
            break;
    }
}

static void act(line_key_t key) {
    switch (key) {
        case KEY_CHARACTER:
            insert(edit.keys.bytes, edit.keys.size);
            break;
        case KEY_TAB:
            tab();
            break;
        case KEY_UP:
            show_history(1);
            break;
        case KEY_DOWN:
            show_history(-1);
            break;
        case KEY_BACKSPACE:
            backspace();
            break;
        case KEY_DELETE:
            cut(edit.cursor, edit.cursor < edit.line->len ? after(edit.cursor) : edit.cursor);
            break;
        case KEY_CUT_WORD_LEFT:
            cut(word_before(edit.cursor), edit.cursor);
            break;
        case KEY_CUT_WORD_RIGHT:
            cut(edit.cursor, word_after(edit.cursor));
            break;
        case KEY_CUT_TO_START:
            cut(edit.start, edit.cursor);
            break;
        case KEY_CUT_TO_END:
            cut(edit.cursor, edit.line->len);
            break;
        default:
            move(key);
            break;
    }
}

// --- shared/readline/readline.h ---

// -1: the line goes on. 0: Enter ended it. Else the control character that ended it: Ctrl-C, or on an empty line
// Ctrl-A to Ctrl-E.
int readline_process_char(int c) {
    bool is_empty = edit.line->len == edit.start && line_keys_is_idle(&edit.keys);
    if (c == CHAR_CTRL_C || (is_empty && c >= CHAR_CTRL_A && c <= CHAR_CTRL_E)) {
        return c;
    }
    bool was_indented = edit.is_indented;
    edit.is_indented = false;
    if (was_indented && take_back_indentation((uint8_t)c)) {
        return -1;
    }
    line_key_t key = line_keys_put(&edit.keys, (uint8_t)c);
    if (key == KEY_ENTER) {
        mp_hal_stdout_tx_str("\r\n");
        readline_push_history(vstr_null_terminated_str(edit.line) + edit.start);
        return 0;
    }
    act(key);
    return -1;
}

void readline_note_newline(const char *prompt) {
    edit.start = edit.cursor = edit.line->len;
    edit.prompt = prompt;
    edit.is_indented = false;
    mp_hal_stdout_tx_str(prompt);
    indent();
}

void readline_init(vstr_t *line, const char *prompt) {
    edit.line = line;
    edit.history = -1;
    line_keys_init(&edit.keys);
    if (line->len == 0) {
        edit.indents = true;
    }
    readline_note_newline(prompt);
}

int readline(vstr_t *line, const char *prompt) {
    readline_init(line, prompt);
    for (;;) {
        int result = readline_process_char(mp_hal_stdin_rx_chr());
        if (result >= 0) {
            return result;
        }
    }
}
