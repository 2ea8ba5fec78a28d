/*
 * Copyright: (c) 2026, inferhost contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * STAND-IN for libcuda.so.1: cuInit answers what it is told to.
 *   cc -shared -fPIC -Wl,-soname,libcuda.so.1 -o libcuda.so.580.159.03 libcuda.c
 *
 * What to answer: the variable STANDIN_CUDA, otherwise "cuda" of the state file (/etc/standin-gpu.json or STANDIN_GPU_STATE): a code of CUDA,
 * "hang" or "crash". In a container, where /etc/standin-gpu.in-container.json is mounted (STANDIN_GPU_CONTAINER), "container_cuda" comes first. Without the file: 100, no device.
 * The cards are the file's: every "address", with the "memory_mib" that follows it. No JSON parser: keys are looked for by their text.
 */
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NO_DEVICE 100
#define NOT_INITIALISED 3
#define INVALID_DEVICE 101

static char state[65536];
static int ready;

static void load(void) {
    const char *path = getenv("STANDIN_GPU_STATE");
    FILE *file = fopen(path ? path : "/etc/standin-gpu.json", "r");
    state[0] = 0;
    if (file) {
        state[fread(state, 1, sizeof state - 1, file)] = 0;
        fclose(file);
    }
}

/* The text of a key's value, without an opening quote. */
static const char *value(const char *from, const char *key) {
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\"", key);
    const char *found = from ? strstr(from, quoted) : NULL;
    if (!found) return NULL;
    found += strlen(quoted);
    while (*found == ':' || *found == '"' || isspace((unsigned char)*found)) found++;
    return found;
}

static const char *card(int index) {
    const char *found = value(state, "address");
    while (found && index-- > 0) found = value(found, "address");
    return found;
}

static int count(void) {
    int number = 0;
    while (card(number)) number++;
    return number;
}

static const char *told(void) {
    const char *marker = getenv("STANDIN_GPU_CONTAINER"), *answer = getenv("STANDIN_CUDA");
    if (answer) return answer;
    if (!access(marker ? marker : "/etc/standin-gpu.in-container.json", F_OK)) answer = value(state, "container_cuda");
    return answer ? answer : value(state, "cuda");
}

int cuInit(unsigned flags) {
    (void)flags;
    load();
    const char *answer = told();
    if (answer && !strncmp(answer, "hang", 4)) for (;;) pause();
    if (answer && !strncmp(answer, "crash", 5)) raise(SIGSEGV);
    int code = answer ? atoi(answer) : state[0] ? 0 : NO_DEVICE;
    ready = code == 0;
    return code;
}

int cuDriverGetVersion(int *version) {
    load();
    const char *text = value(state, "cuda_version");
    int major = 13, minor = 0;
    if (text) sscanf(text, "%d.%d", &major, &minor);
    *version = major * 1000 + minor * 10;
    return 0;
}

int cuDeviceGetCount(int *number) {
    if (!ready) return NOT_INITIALISED;
    *number = count();
    return 0;
}

int cuDeviceGet(int *device, int index) {
    *device = index;
    return index < count() ? 0 : INVALID_DEVICE;
}

int cuDeviceTotalMem_v2(size_t *bytes, int device) {
    const char *text = value(card(device), "memory_mib");
    *bytes = text ? strtoull(text, NULL, 10) << 20 : 0;
    return 0;
}

int cuDeviceGetPCIBusId(char *text, int length, int device) {
    const char *address = card(device);
    if (!address) return INVALID_DEVICE;
    snprintf(text, (size_t)length, "%.12s", address);
    for (; *text; text++) *text = (char)toupper((unsigned char)*text);
    return 0;
}
