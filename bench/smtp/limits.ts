// What limits a row that misses its target: found with a profile, written here by hand, shown in the table. By the name of the row.
// Profiles: perf, all threads of the server, warm; system calls counted with strace.

const roundTrips = "The kernel's part of a dialogue that waits for every reply, in one thread: of the mail thread ";

export const limits: Readonly<Record<string, string>> = {
  s20: `${roundTrips}30 % are write(2) (7.6 a message), 15 % read, epoll, accept and close, 39 % the kernel in all; no function of ours has 3 %. That thread is 75 % of the CPU, V8's helpers 10 %, the pool with fdatasync 10 %.`,
  s1: `Latency: 8 round trips and a sync, one after the other, each with a change of process. ${roundTrips}39 % are the kernel.`,
  r10: `${roundTrips}34 % are write(2) for 16 replies, 15 % read and epoll; no function of ours has 3 %. The index rows of ten recipients are 10 % of the CPU.`,
  s100: "One thread: the mail thread has 73 % of the CPU, V8's helpers 9 %. Of it 42 % are the kernel (a system call is dear on this virtual machine), 39 % node itself, 10 % compiled JavaScript, 4 % collecting garbage; no function of ours has 1 %.",
  "lmtp-s20": "As lmtp-d20, and a connection for every message: eight replies that are waited for one after the other.",
  "lmtp-d20":
    "One thread takes the message in and delivers it, and the reply waits for the store's: the mail thread has 78 % of the CPU. Of it 37 % are the kernel, 42 % node itself, 14 % compiled JavaScript, 6 % collecting garbage; of ours dot-stuffing has 2 %, nothing else 1 %.",
  "e2e-s20":
    "A full TLS handshake for every message on both sides of the same two CPUs: the load needs as much as the server.",
  "e2e-d20":
    "The load encrypts on the same two CPUs. Of the server's CPU the mail thread has 61 %, V8's helpers 22 %; of that thread 30 % are the kernel, 11 % compiled JavaScript, the rest node and OpenSSL; of ours dot-stuffing has 2 %, nothing else 1 %.",
  big: "Of the CPU the mail thread is 62 % (22 % of that scanning content, 17 % write(2), 24 % in read, epoll and the loop, 5 % collecting garbage), the pool 16 % (half of it fdatasync, a third the copy into the page cache), V8's helpers 15 %.",
  tls20:
    "CPU, shared with a client that needs as much: of the mail thread 47 % is OpenSSL and libuv (SSL_read 25 %, tickets 4 %), 12 % write(2); no function of ours has 2 %. A bare server without policy, log and index needs two thirds of our CPU.",
  tls100:
    "CPU, shared with a client that needs as much: of the mail thread 47 % is OpenSSL and libuv (SSL_read 25 %, tickets 4 %), 12 % write(2); no function of ours has 2 %. A bare server without policy, log and index needs two thirds of our CPU.",
};
