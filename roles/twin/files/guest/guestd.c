/*
 * Copyright (c) 2026 The routed.fabric contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What runs in the twin's guests: the only process of a QEMU guest, or of a container.
 *
 *   UDP port 7   sends each packet back, from the address that it was sent to, IPv4 and IPv6 (RFC 862)
 *   UDP port 9   obeys "poweroff", "reboot" and "crash" as if somebody had typed it inside the guest
 *   ACPI         the power button (Proxmox's "shutdown") powers off
 *
 * In a container (not PID 1 of a machine) it ends with status 0 for poweroff and 42 for reboot.
 * Built with tcc and musl: no headers of the kernel, no threads.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <unistd.h>

#define ECHO_PORT 7
#define CONTROL_PORT 9
#define STATUS_REBOOT 42
#define BUTTONS 4
#define EV_KEY 1
#define KEY_POWER 116
#define BATCH 64

struct input_event {
    long seconds, microseconds;
    unsigned short type, code;
    int value;
};

static int machine;

static void end(int again)
{
    if (!machine)
        exit(again ? STATUS_REBOOT : 0);
    sync();
    reboot(again ? RB_AUTOBOOT : RB_POWER_OFF);
}

static void crash(void)
{
    int trigger = machine ? open("/proc/sysrq-trigger", O_WRONLY) : -1;
    if (trigger < 0)
        abort();
    if (write(trigger, "c", 1) < 0)
        abort();
}

static int listening(int port)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int on = 1, off = 0, room = 1 << 20;
    int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    /* One socket for both families; IPv4 arrives as ::ffff:a.b.c.d, and IPV6_PKTINFO names its address in that form. */
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof any) < 0) {
        perror("guestd: cannot listen");
        exit(1);
    }
    return fd;
}

/* One packet: sent back when `echo`. Its text otherwise. Returns its length, or -1 when there is none. */
static long take(int fd, int echo, char *data, size_t size)
{
    struct sockaddr_in6 from;
    char control[256];
    struct iovec vector = {data, size};
    struct msghdr message = {.msg_name = &from,
                             .msg_namelen = sizeof from,
                             .msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    long length = recvmsg(fd, &message, MSG_DONTWAIT);
    struct cmsghdr *part;
    if (length < 0)
        return -1;
    /* The answer goes out by the route, not by the interface that the question came in by. */
    for (part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part))
        if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo *info = (struct in6_pktinfo *)CMSG_DATA(part);
            if (!IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr))
                info->ipi6_ifindex = 0;
        }
    vector.iov_len = length;
    if (echo)
        sendmsg(fd, &message, MSG_DONTWAIT);
    return length;
}

static void obey(int fd)
{
    char text[64];
    long length = take(fd, 1, text, sizeof text - 1);
    if (length < 0)
        return;
    text[length] = 0;
    if (!strncmp(text, "poweroff", 8))
        end(0);
    else if (!strncmp(text, "reboot", 6))
        end(1);
    else if (!strncmp(text, "crash", 5))
        crash();
}

int main(void)
{
    static char data[65536];
    struct pollfd fds[2 + BUTTONS];
    int count = 2, i;
    machine = getpid() == 1;
    fds[0].fd = listening(ECHO_PORT);
    fds[1].fd = listening(CONTROL_PORT);
    for (i = 0; machine && i < BUTTONS; i++) {
        char name[32];
        sprintf(name, "/dev/input/event%d", i);
        fds[count].fd = open(name, O_RDONLY);
        if (fds[count].fd >= 0)
            count++;
    }
    for (i = 0; i < count; i++)
        fds[i].events = POLLIN;
    puts("guest: answering");
    fflush(stdout);
    for (;;) {
        if (poll(fds, count, -1) < 0)
            continue;
        for (i = 0; i < BATCH && take(fds[0].fd, 1, data, sizeof data) >= 0; i++)
            ;
        if (fds[1].revents)
            obey(fds[1].fd);
        for (i = 2; i < count; i++) {
            struct input_event event;
            if (fds[i].revents && read(fds[i].fd, &event, sizeof event) == sizeof event)
                if (event.type == EV_KEY && event.code == KEY_POWER && event.value == 1)
                    end(0);
        }
    }
}
