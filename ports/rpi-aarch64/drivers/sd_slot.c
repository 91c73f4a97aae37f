// SPDX-License-Identifier: MIT
// Power, clock and pins of the card; see sd_slot.h. On BCM2837 the card's pins go to the Arasan, which the firmware
// gives to the WiFi chip; BCM2711's EMMC2 has pins of its own, and a supply that the firmware switches.

#include "sd_slot.h"
#include "timer.h"

#define CARD_CLK            (48)
#define CARD_LAST           (53)
#define CARD_BANK           (CARD_CLK / 32)
#define CARD_CLK_BIT        (1u << CARD_CLK % 32)
#define CARD_OTHER_BITS     (0x1fu << (CARD_CLK + 1) % 32)
#define WIFI_FIRST          (34)
#define WIFI_LAST           (39)

#define EXPANDER_1V8        (4)     // VDD_SD_IO_SEL
#define EXPANDER_POWER      (6)     // SD_PWR_ON
#define SUPPLY_US           (10000) // to rise, and to fall

// What the Arasan has at most. Where the firmware does not tell, a clock that is too low is the mistake that works.
#define HIGHEST_BASE_CLOCK  (250000000)

static void prepare_pins(const gpio_t *gpio) {
    for (uint32_t pin = WIFI_FIRST; pin <= WIFI_LAST; ++pin) {
        if (gpio_function(gpio, pin) == GPIO_ALT3) {
            gpio_set_function(gpio, pin, GPIO_INPUT);
        }
    }
    for (uint32_t pin = CARD_CLK; pin <= CARD_LAST; ++pin) {
        gpio_set_function(gpio, pin, GPIO_ALT3);
    }
    gpio_set_pulls(gpio, CARD_BANK, CARD_CLK_BIT, GPIO_PULL_NONE);
    gpio_set_pulls(gpio, CARD_BANK, CARD_OTHER_BITS, GPIO_PULL_UP);
}

// QEMU's firmware does not know the expander.
static bool switch_supply(sd_slot_t *slot, bool on) {
    bool done = mailbox_set_expander(slot->mailbox, EXPANDER_POWER, on) == MAILBOX_OK;
    if (done) {
        timer_sleep_us(SUPPLY_US);
    }
    return done;
}

// An earlier stage may have left the card at 1.8 V.
static void prepare_supply(sd_slot_t *slot) {
    if (mailbox_set_expander(slot->mailbox, EXPANDER_1V8, false) == MAILBOX_OK) {
        timer_sleep_us(SUPPLY_US);
    }
    (void)switch_supply(slot, true);
}

static void prepare(sd_slot_t *slot) {
    sdhci_t *host = &slot->card.host;
    (void)mailbox_set_power(slot->mailbox, MAILBOX_POWER_SD, true);
    if (host->arasan) {
        prepare_pins(slot->gpio);
    } else {
        prepare_supply(slot);
    }
    uint32_t hz = 0;
    (void)mailbox_clock_rate(slot->mailbox, host->arasan ? MAILBOX_CLOCK_EMMC : MAILBOX_CLOCK_EMMC2, &hz);
    host->base_clock = hz != 0 ? hz : HIGHEST_BASE_CLOCK;
    slot->prepared = true;
}

sd_result_t sd_slot_start(sd_slot_t *slot) {
    if (!slot->prepared) {
        prepare(slot);
    }
    sd_result_t result = sd_card_start(&slot->card);
    bool silent = result == SD_NO_CARD || result == SD_TIMEOUT;
    if (silent && !slot->card.host.arasan && switch_supply(slot, false)) {
        (void)switch_supply(slot, true);
        result = sd_card_start(&slot->card);
    }
    return result;
}
