// What limits a row that misses its target: found with a profile, written here by hand, shown in the table. By the name of the row.
// Profiles: perf, all threads of the server, warm; system calls counted with strace.

const roundTrips = "The kernel's part of a dialogue that waits for every reply, in one thread: of the mail thread ";

export const limits: Readonly<Record<string, string>> = {
  s20: `${roundTrips}30 % are write(2) (7.6 a message), 15 % read, epoll, accept and close, 39 % the kernel in all; no function of ours has 3 %. That thread is 75 % of the CPU, V8's helpers 10 %, the pool with fdatasync 10 %.`,
  s1: `Latency: 8 round trips and a sync, one after the other, each with a change of process. ${roundTrips}39 % are the kernel.`,
  r10: `${roundTrips}34 % are write(2) for 16 replies, 15 % read and epoll; no function of ours has 3 %. The index rows of ten recipients are 10 % of the CPU.`,
  big: "Of the CPU the mail thread is 62 % (22 % of that scanning content, 17 % write(2), 24 % in read, epoll and the loop, 5 % collecting garbage), the pool 16 % (half of it fdatasync, a third the copy into the page cache), V8's helpers 15 %.",
  tls20:
    "CPU, shared with a client that needs as much: of the mail thread 47 % is OpenSSL and libuv (SSL_read 25 %, tickets 4 %), 12 % write(2); no function of ours has 2 %. A bare server without policy, log and index needs two thirds of our CPU.",
  tls100:
    "CPU, shared with a client that needs as much: of the mail thread 47 % is OpenSSL and libuv (SSL_read 25 %, tickets 4 %), 12 % write(2); no function of ours has 2 %. A bare server without policy, log and index needs two thirds of our CPU.",
};
