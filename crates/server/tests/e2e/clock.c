/* A clock in the year 11476, as long as the file that CLOCK_BEYOND names is there. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *now)
{
    int status = syscall(SYS_clock_gettime, id, now);
    const char *beyond = getenv("CLOCK_BEYOND");
    if (status == 0 && id == CLOCK_REALTIME && beyond != NULL && access(beyond, F_OK) == 0)
        now->tv_sec += 300000000000;
    return status;
}
