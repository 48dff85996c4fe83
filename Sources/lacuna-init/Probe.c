// `probe`: one JSON object that says where this process runs; beside every result.
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "Init.h"

static void text(const char *bytes) {
    putchar('"');
    for (const unsigned char *at = (const unsigned char *)bytes; *at; at++) {
        if (*at == '"' || *at == '\\') putchar('\\');
        // Foreign bytes are not worth an escape table: kernels print ASCII.
        if (*at < 0x20 || *at >= 0x7f) continue;
        putchar(*at);
    }
    putchar('"');
}

// The rest of the first line of `path` that starts with `key`, without blanks and tabs in front.
static int field(const char *path, const char *key, char *value, int size) {
    FILE *file = fopen(path, "re");
    if (!file) return 0;
    char line[1024];
    int found = 0;
    while (!found && fgets(line, sizeof line, file)) {
        if (strncmp(line, key, strlen(key)) != 0) continue;
        line[strcspn(line, "\n")] = 0;
        const char *at = line + strlen(key);
        at += strspn(at, ": \t");
        snprintf(value, (size_t)size, "%s", at);
        found = 1;
    }
    fclose(file);
    return found;
}

static void named(const char *name, const char *path, const char *key) {
    char value[512];
    if (!field(path, key, value, sizeof value)) return;
    printf(",\"%s\":", name);
    text(value);
}

static void limits(void) {
    static const struct {
        const char *name;
        int resource;
    } all[] = {
        {"as", RLIMIT_AS},           {"core", RLIMIT_CORE},         {"cpu", RLIMIT_CPU},
        {"data", RLIMIT_DATA},       {"fsize", RLIMIT_FSIZE},       {"locks", 10},
        {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
        {"nofile", RLIMIT_NOFILE},   {"nproc", RLIMIT_NPROC},       {"rss", RLIMIT_RSS},
        {"rtprio", RLIMIT_RTPRIO},   {"rttime", RLIMIT_RTTIME},     {"sigpending", RLIMIT_SIGPENDING},
        {"stack", RLIMIT_STACK},
    };
    printf(",\"limits\":{");
    const char *separator = "";
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct rlimit limit;
        if (getrlimit(all[i].resource, &limit) != 0) continue;
        printf("%s\"%s\":[", separator, all[i].name);
        for (int hard = 0; hard < 2; hard++) {
            rlim_t value = hard ? limit.rlim_max : limit.rlim_cur;
            if (hard) putchar(',');
            if (value == RLIM_INFINITY) printf("null");
            else printf("%llu", (unsigned long long)value);
        }
        putchar(']');
        separator = ",";
    }
    putchar('}');
}

// Lines of /proc/self/cgroup, and mounts of both cgroup versions as "type place options".
static void cgroups(void) {
    char line[1024], place[512], type[64], options[256];
    printf(",\"cgroups\":[");
    const char *separator = "";
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        fputs(separator, stdout);
        text(line);
        separator = ",";
    }
    if (file) fclose(file);
    printf("],\"cgroupMounts\":[");
    separator = "";
    file = fopen("/proc/mounts", "re");
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "%*s %511s %63s %255s", place, type, options) != 3 || strncmp(type, "cgroup", 6) != 0) continue;
        snprintf(line, sizeof line, "%s %s %s", type, place, options);
        fputs(separator, stdout);
        text(line);
        separator = ",";
    }
    if (file) fclose(file);
    putchar(']');
}

int probe_main(void) {
    struct utsname name;
    if (uname(&name) != 0) fail(1, "uname");
    printf("{\"release\":");
    text(name.release);
    printf(",\"kernelVersion\":");
    text(name.version);
    printf(",\"machine\":");
    text(name.machine);
    printf(",\"uid\":%u,\"pid\":%d", getuid(), getpid());
    named("capabilities", "/proc/self/status", "CapEff");
    named("boundingCapabilities", "/proc/self/status", "CapBnd");
    named("noNewPrivileges", "/proc/self/status", "NoNewPrivs");
    named("seccomp", "/proc/self/status", "Seccomp:");
    named("processorModel", "/proc/cpuinfo", "model name");
    named("memory", "/proc/meminfo", "MemTotal");
    named("swap", "/proc/meminfo", "SwapTotal");
    printf(",\"processors\":%ld", sysconf(_SC_NPROCESSORS_ONLN));
    limits();
    cgroups();
    struct timespec clock;
    if (clock_gettime(CLOCK_BOOTTIME, &clock) == 0) printf(",\"uptime\":%.3f", (double)clock.tv_sec + (double)clock.tv_nsec / 1e9);
    printf("}\n");
    return fflush(stdout) == 0 ? 0 : 1;
}
