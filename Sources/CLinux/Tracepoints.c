// Loads the recorder's eBPF programs by bpf(2): marks in 64-bit immediates become map fds and constants.
#include "CLinux.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const unsigned char sys_exit_code[] __attribute__((aligned(8))) = {
#embed "bpf/sys_exit.bin"
};
static const unsigned char fork_code[] __attribute__((aligned(8))) = {
#embed "bpf/sched_process_fork.bin"
};
static const unsigned char exec_code[] __attribute__((aligned(8))) = {
#embed "bpf/sched_process_exec.bin"
};
static const unsigned char death_code[] __attribute__((aligned(8))) = {
#embed "bpf/sched_process_exit.bin"
};
static const unsigned char signal_code[] __attribute__((aligned(8))) = {
#embed "bpf/signal_deliver.bin"
};
static const unsigned char generate_code[] __attribute__((aligned(8))) = {
#embed "bpf/signal_generate.bin"
};
static const unsigned char calibrate_code[] __attribute__((aligned(8))) = {
#embed "bpf/calibrate.bin"
};

static const struct {
    const char *name;
    const unsigned char *code;
    size_t size;
} programs[CLINUX_BPF_PROGRAMS] = {
    {"sys_exit", sys_exit_code, sizeof sys_exit_code},
    {"sched_process_fork", fork_code, sizeof fork_code},
    {"sched_process_exec", exec_code, sizeof exec_code},
    {"sched_process_exit", death_code, sizeof death_code},
    {"signal_deliver", signal_code, sizeof signal_code},
    {"signal_generate", generate_code, sizeof generate_code},
    {"sys_enter", calibrate_code, sizeof calibrate_code},
};

static int bpf(int command, union bpf_attr *attributes) {
    long result = syscall(SYS_bpf, command, attributes, sizeof *attributes);
    return result < 0 ? -errno : (int)result;
}

int clinux_bpf_map(int kind, uint32_t value_size, uint32_t entries) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    if (kind == 0) {
        attributes.map_type = BPF_MAP_TYPE_ARRAY;
        attributes.key_size = 4;
        attributes.value_size = value_size;
        attributes.map_flags = BPF_F_MMAPABLE;
    } else if (kind == 1) {
        attributes.map_type = BPF_MAP_TYPE_RINGBUF;
    } else {
        attributes.map_type = BPF_MAP_TYPE_PROG_ARRAY;
        attributes.key_size = 4;
        attributes.value_size = value_size;
    }
    attributes.max_entries = entries;
    return bpf(BPF_MAP_CREATE, &attributes);
}

int clinux_bpf_load(int program, const struct clinux_bpf_setup *setup, char *log, uint32_t log_size) {
    static const uint64_t map_mark = 0x6c61636e, constant_mark = 0x6c61636f;
    struct bpf_insn code[1024];
    size_t count = programs[program].size / sizeof *code;
    if (count > 1024) return -E2BIG;
    memcpy(code, programs[program].code, programs[program].size);
    for (size_t i = 0; i + 1 < count; i++) {
        if (code[i].code != (BPF_LD | BPF_IMM | BPF_DW)) continue;
        uint32_t low = (uint32_t)code[i].imm, high = (uint32_t)code[i + 1].imm;
        if (high == map_mark) {
            const int32_t maps[] = {0, setup->threads, setup->plans, setup->ring, setup->scratch, setup->chain};
            code[i].src_reg = BPF_PSEUDO_MAP_FD;
            code[i].imm = maps[low];
            code[i + 1].imm = 0;
        } else if (high == constant_mark) {
            uint64_t value = low == 1 ? setup->pid_offset : setup->calibrator;
            code[i].imm = (int32_t)value;
            code[i + 1].imm = (int32_t)(value >> 32);
        }
        i++;
    }
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT;
    attributes.insns = (uint64_t)(uintptr_t)code;
    attributes.insn_cnt = (uint32_t)count;
    attributes.license = (uint64_t)(uintptr_t)"Dual MIT/GPL";
    if (log && log_size) {
        attributes.log_buf = (uint64_t)(uintptr_t)log;
        attributes.log_size = log_size;
        attributes.log_level = 1;
    }
    strncpy(attributes.prog_name, "lacuna", sizeof attributes.prog_name);
    return bpf(BPF_PROG_LOAD, &attributes);
}

int clinux_bpf_attach(int program, int fd) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.raw_tracepoint.name = (uint64_t)(uintptr_t)programs[program].name;
    attributes.raw_tracepoint.prog_fd = (uint32_t)fd;
    return bpf(BPF_RAW_TRACEPOINT_OPEN, &attributes);
}

int clinux_bpf_chain(int map, int fd) {
    uint32_t key = 0, value = (uint32_t)fd;
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.map_fd = (uint32_t)map;
    attributes.key = (uint64_t)(uintptr_t)&key;
    attributes.value = (uint64_t)(uintptr_t)&value;
    return bpf(BPF_MAP_UPDATE_ELEM, &attributes);
}

int clinux_bpf_run(int fd) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.test.prog_fd = (uint32_t)fd;
    return bpf(BPF_PROG_TEST_RUN, &attributes);
}
