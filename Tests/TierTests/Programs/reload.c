// Loads and unloads libraries that make calls, one in the other's place; and loads them while another thread calls.
#include "tier.h"
#include <dlfcn.h>

static volatile int done;
static void *caller(void *unused) {
    do {
        mark();
        usleep(20);
    } while (!done && marks < 20000);
    report_marks();
    return 0;
}

int main(int count, char **libraries) {
    pthread_t other = thread(caller, 0);
    int calls = 0, moved = 0;
    void *last = 0;
    for (int i = 0; i < 80; i++) {
        void *library = dlopen(libraries[1 + i % 2], RTLD_NOW);
        check(library);
        int (*made)(int, int) = (int (*)(int, int))dlsym(library, "made");
        int number = 1 + i % 9;
        check(made(MARK(1, calls), number) == number);
        calls += number;
        moved += last && last != (void *)made;
        last = made;
        check(dlclose(library) == 0);
    }
    done = 1;
    pthread_join(other, 0);
    report_channel(1, calls, calls);
    puts("loaded");
}
