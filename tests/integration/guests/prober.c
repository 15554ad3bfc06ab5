/*
 * Copyright (c) 2026 The routed.fabric contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Asks several UDP echo servers at a steady pace and says what came back, and how steady the pace really was.
 *
 *   prober [-i INTERVAL_MS] [-d SECONDS] [-l LATE_MS] [-w LINGER_MS] [-p PORT] [-n FLOWS] [-r RAW.csv] ADDRESS...
 *
 * -i 10     one probe of every flow each 10 ms, at absolute times: a late wake-up does not shift the next one
 * -d 0      until SIGINT or SIGTERM
 * -l 100    an answer later than that counts as late, not as lost
 * -w 3000   how long answers are awaited after the last probe
 * -n 1      flows (source ports) an address: several, so that the hash of ECMP takes several paths
 * -r FILE   a line for each probe: flow, sequence, sent, received (nanoseconds, CLOCK_REALTIME; 0: never), answers
 *
 * Prints one JSON object. Sent is read right before sending; received is the kernel's time stamp of the packet, so that
 * this program's own late wake-ups do not count. Gap: from one answer to the next, in the order of their arrival.
 * Takes real-time priority where it may.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FLOWS 64
#define MAGIC 0x70726f6265720001LL

struct packet {
    int64_t magic, flow, sequence;
};
struct probe {
    int64_t sent, received;
    int answers, failed;
};
struct flow {
    const char *address;
    int fd;
    struct sockaddr_storage to;
    socklen_t length;
    struct probe *probes;
    int64_t last, gap, gap_begin, foreign;
};

static volatile sig_atomic_t stopped;
static struct flow flows[FLOWS];
static struct pollfd fds[FLOWS];
static int count;

static void stop(int number)
{
    (void)number;
    stopped = 1;
}

static int64_t now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void fail(const char *what)
{
    fprintf(stderr, "prober: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void open_flow(const char *address, int port)
{
    struct flow *f = &flows[count];
    struct sockaddr_in *four = (struct sockaddr_in *)&f->to;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&f->to;
    int on = 1, room = 1 << 20;
    f->address = address;
    if (inet_pton(AF_INET, address, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        f->length = sizeof *four;
    } else if (inet_pton(AF_INET6, address, &six->sin6_addr) == 1) {
        six->sin6_family = AF_INET6;
        six->sin6_port = htons(port);
        f->length = sizeof *six;
    } else {
        fprintf(stderr, "prober: '%s' is not an address\n", address);
        exit(2);
    }
    f->fd = socket(f->to.ss_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (f->fd < 0)
        fail("socket");
    setsockopt(f->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    setsockopt(f->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    fds[count].fd = f->fd;
    fds[count].events = POLLIN;
    count++;
}

static void receive(struct flow *f, int64_t limit)
{
    for (;;) {
        struct packet data;
        char control[256];
        struct iovec vector = {&data, sizeof data};
        struct msghdr message = {0};
        struct cmsghdr *part;
        int64_t at = 0;
        message.msg_iov = &vector;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        if (recvmsg(f->fd, &message, 0) != sizeof data) {
            if (errno == EAGAIN || errno == EWOULDBLOCK)
                return;
            continue; /* an ICMP error that was kept for us, or a packet of somebody else's size */
        }
        for (part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part))
            if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SO_TIMESTAMPNS) {
                struct timespec t;
                memcpy(&t, CMSG_DATA(part), sizeof t);
                at = t.tv_sec * 1000000000LL + t.tv_nsec;
            }
        if (!at)
            at = now(CLOCK_REALTIME);
        if (data.magic != MAGIC || data.flow != f - flows || data.sequence < 0 || data.sequence >= limit) {
            f->foreign++;
            continue;
        }
        if (f->probes[data.sequence].answers++ == 0)
            f->probes[data.sequence].received = at;
        if (f->last && at - f->last > f->gap) {
            f->gap = at - f->last;
            f->gap_begin = f->last;
        }
        f->last = at;
    }
}

static void receive_until(int64_t deadline, int64_t limit)
{
    for (;;) {
        int64_t left = deadline - now(CLOCK_MONOTONIC);
        struct timespec wait = {0, 0};
        int i;
        if (left > 0) {
            wait.tv_sec = left / 1000000000LL;
            wait.tv_nsec = left % 1000000000LL;
        }
        if (ppoll(fds, count, &wait, NULL) > 0)
            for (i = 0; i < count; i++)
                if (fds[i].revents)
                    receive(&flows[i], limit);
        if (left <= 0)
            return;
    }
}

static int smaller(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    double interval_ms = 10, seconds = 10, late_ms = 100, linger_ms = 3000;
    int port = 7, each = 1, option, i, realtime;
    const char *raw = NULL;
    int64_t interval, most, next, begin, ticks = 0, before = 0, *paces, skipped = 0, n;
    struct sched_param priority;

    while ((option = getopt(argc, argv, "i:d:l:w:p:n:r:")) != -1)
        switch (option) {
        case 'i': interval_ms = atof(optarg); break;
        case 'd': seconds = atof(optarg); break;
        case 'l': late_ms = atof(optarg); break;
        case 'w': linger_ms = atof(optarg); break;
        case 'p': port = atoi(optarg); break;
        case 'n': each = atoi(optarg); break;
        case 'r': raw = optarg; break;
        default: return 2;
        }
    if (optind == argc || interval_ms < 1 || each < 1 || (argc - optind) * each > FLOWS) {
        fprintf(stderr, "prober: give addresses (times -n: at most %d flows), and an interval of 1 ms or more\n", FLOWS);
        return 2;
    }
    for (i = optind; i < argc; i++)
        for (n = 0; n < each; n++)
            open_flow(argv[i], port);
    interval = interval_ms * 1e6;
    most = (seconds > 0 ? seconds : 3600) * 1e9 / interval;
    paces = calloc(most + 1, sizeof *paces);
    for (i = 0; i < count; i++)
        flows[i].probes = calloc(most + 1, sizeof *flows[i].probes);
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    mlockall(MCL_CURRENT | MCL_FUTURE);
    memset(&priority, 0, sizeof priority);
    priority.sched_priority = 50;
    /* The kernel's own call: musl's function of that name always fails. */
    realtime = syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &priority) == 0;
    if (!realtime)
        setpriority(PRIO_PROCESS, 0, -20);

    begin = now(CLOCK_REALTIME);
    next = now(CLOCK_MONOTONIC);
    while (!stopped && ticks < most) {
        int64_t woke;
        receive_until(next, ticks);
        woke = now(CLOCK_MONOTONIC);
        if (before)
            paces[ticks - 1] = woke - before;
        before = woke;
        for (i = 0; i < count; i++) {
            struct packet data = {MAGIC, i, ticks};
            flows[i].probes[ticks].sent = now(CLOCK_REALTIME);
            if (sendto(flows[i].fd, &data, sizeof data, 0, (struct sockaddr *)&flows[i].to, flows[i].length) < 0)
                flows[i].probes[ticks].failed = 1;
        }
        ticks++;
        next += interval;
        /* After a long stall, go on from here: a burst would measure itself. */
        if (next < woke - 10 * interval) {
            skipped += (woke - next) / interval;
            next = woke;
        }
    }
    {
        int64_t end = now(CLOCK_MONOTONIC) + linger_ms * 1e6;
        for (;;) {
            int missing = 0;
            for (i = 0; i < count; i++)
                for (n = 0; n < ticks; n++)
                    missing += !flows[i].probes[n].answers && !flows[i].probes[n].failed;
            if (!missing || now(CLOCK_MONOTONIC) > end)
                break;
            receive_until(now(CLOCK_MONOTONIC) + 50000000LL, ticks);
        }
    }

    n = ticks > 1 ? ticks - 1 : 0;
    {
        double sum = 0;
        for (i = 0; i < n; i++)
            sum += paces[i];
        qsort(paces, n, sizeof *paces, smaller);
        printf("{\"begin\": %.6f, \"realtime\": %s, \"interval_ms\": {\"wanted\": %g, \"mean\": %.3f, \"p99\": %.3f, \"max\": "
               "%.3f, \"skipped\": %lld},\n \"flows\": [",
               begin / 1e9, realtime ? "true" : "false", interval_ms, n ? sum / n / 1e6 : 0,
               n ? paces[(int64_t)(n * 0.99)] / 1e6 : 0, n ? paces[n - 1] / 1e6 : 0, (long long)skipped);
    }
    for (i = 0; i < count; i++) {
        struct flow *f = &flows[i];
        int64_t got = 0, late = 0, twice = 0, failed = 0, *times = calloc(ticks + 1, sizeof *times);
        for (n = 0; n < ticks; n++) {
            struct probe *p = &f->probes[n];
            failed += p->failed;
            twice += p->answers > 1 ? p->answers - 1 : 0;
            if (p->answers) {
                late += p->received - p->sent > late_ms * 1e6;
                times[got++] = p->received - p->sent;
            }
        }
        qsort(times, got, sizeof *times, smaller);
        printf("%s\n  {\"flow\": %d, \"address\": \"%s\", \"sent\": %lld, \"received\": %lld, \"lost\": %lld, \"unsendable\": %lld, "
               "\"late\": %lld, \"duplicates\": %lld, \"foreign\": %lld,\n   \"gap_ms\": %.3f, \"gap_begin\": %.6f, "
               "\"rtt_ms\": {\"median\": %.3f, \"p99\": %.3f, \"max\": %.3f}}",
               i ? "," : "", i, f->address, (long long)ticks, (long long)got, (long long)(ticks - got), (long long)failed,
               (long long)late, (long long)twice, (long long)f->foreign, f->gap / 1e6, f->gap_begin / 1e9,
               got ? times[got / 2] / 1e6 : 0, got ? times[(int64_t)(got * 0.99)] / 1e6 : 0, got ? times[got - 1] / 1e6 : 0);
        free(times);
    }
    printf("]}\n");
    if (raw) {
        FILE *out = fopen(raw, "w");
        if (!out)
            fail(raw);
        for (i = 0; i < count; i++)
            for (n = 0; n < ticks; n++) {
                struct probe *p = &flows[i].probes[n];
                fprintf(out, "%d,%lld,%lld,%lld,%d\n", i, (long long)n, (long long)p->sent, (long long)p->received, p->answers);
            }
        if (fclose(out))
            fail(raw);
    }
    return 0;
}
