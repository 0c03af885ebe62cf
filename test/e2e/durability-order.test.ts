// 250 means durable: a trace of the system calls of a loaded server shows, for every message, that its bytes were synced before
// the first octet of its 250 was handed to the kernel. What the trace is judged by is tried on traces that lie.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { encodeFrame } from "../../src/spool/format.ts";
import { openDialogue } from "../lab/client.ts";
import { loopbackAddress } from "../lab/loopback.ts";
import { startServer } from "../lab/server.ts";
import { alice, bob, domain } from "../lab/site.ts";
import { requires } from "../lab/skip.ts";
import { temporaryDirectory } from "../lab/temporary.ts";
import { judgeTrace } from "./support/durability.ts";
import { assertNothingBroke } from "./support/log.ts";

const connections = 12;
const messagesEach = 30;

test("under load, every 250 follows an fdatasync that began after the last octet of its message was written", async (t) => {
  const strace = await requires(t, "strace");
  if (strace === undefined) return;
  const directory = await temporaryDirectory(t);
  const file = join(directory, "trace");
  const address = loopbackAddress();
  const calls = "openat,close,accept4,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,fsync,fdatasync";
  const server = await startServer(t, {
    directory,
    config: [
      "version = 1",
      `hostname = "mx.${domain}"`,
      "http.listen = []",
      "[[domain]]",
      `name = "${domain}"`,
      `postmaster = "${alice.address}"`,
      "[[listener]]",
      'role = "mx"',
      `listen = ["${address}:2525"]`,
      "",
    ].join("\n"),
    accounts: { [alice.address]: alice.password, [bob.address]: bob.password },
    // -D: the server stays our child and gets our signals. --seccomp-bpf: other calls run at full speed.
    wrapper: [strace.path, "-D", "-f", "--seccomp-bpf", "-v", "-xx", "-s", "512", "-e", `trace=${calls}`, "-o", file],
    environment: strace.environment,
  });

  const answered: string[] = [];
  await Promise.all(
    Array.from({ length: connections }, async (_, connection) => {
      const session = await openDialogue(t, { address, port: 2525 });
      await session.reply();
      await session.expect("EHLO client.example.org", 250);
      for (let number = 0; number < messagesEach; number++) {
        const line = `${connection} ${number} `.padEnd(78, "x");
        // From one small buffer to several chunks from the socket.
        const lines = number % 10 === 9 ? 4000 : 1 + ((number * 37 + connection * 11) % 300);
        const content = `Subject: ${connection} ${number}\r\n\r\n${`${line}\r\n`.repeat(lines)}`;
        /* oxlint-disable no-await-in-loop -- a dialogue */
        await session.send(
          `MAIL FROM:<carol@example.org>\r\nRCPT TO:<${number % 3 === 0 ? alice.address : bob.address}>\r\nDATA\r\n`,
        );
        assert.deepEqual(
          [(await session.reply()).code, (await session.reply()).code, (await session.reply()).code],
          [250, 250, 354],
        );
        const { raw } = await session.command(`${content}.`);
        answered.push(/^250 2\.0\.0 queued as (\S+)$/.exec(raw)?.[1] ?? raw);
        /* oxlint-enable no-await-in-loop */
      }
      session.destroy();
    }),
  );
  assertNothingBroke(server.state);
  await server.stop();

  const { replied, violations, syncs } = judgeTrace(await readFile(file, "latin1"));
  assert.equal(answered.length, connections * messagesEach);
  assert.deepEqual(new Set(replied), new Set(answered));
  assert.deepEqual(violations, []);
  t.diagnostic(`${answered.length} messages over ${connections} connections, ${syncs} syncs of segments`);
  // Otherwise the load was no load: messages share their syncs.
  assert.ok(syncs < answered.length, `${syncs} syncs`);
});

const hex = (octets: Uint8Array): string =>
  [...octets].map((octet) => `\\x${octet.toString(16).padStart(2, "0")}`).join("");
const text = (string: string): string => hex(Buffer.from(string));

/** A frame as the spool writes it, as the two pieces of a pwritev. */
function frame(id: string): { readonly pieces: string; readonly length: number } {
  const content = Buffer.from(`Subject: ${id}\r\n\r\nhello\r\n`);
  const buffers: Uint8Array[] = [];
  const header = JSON.stringify({ record: { id } });
  encodeFrame(
    { kind: "accept", header, content: [content], contentLength: content.length },
    Buffer.from("12345678"),
    1,
    buffers,
  );
  return {
    pieces: buffers.map((octets) => `{iov_base="${hex(octets)}", iov_len=${octets.length}}`).join(", "),
    length: buffers.reduce((sum, { length }) => sum + length, 0),
  };
}

const { pieces, length } = frame("m1");
const half = Math.floor(length / 2);
const open = (fd: number, path: string, flags: string): string =>
  `10 openat(AT_FDCWD, "${text(path)}", ${flags}) = ${fd}`;
const segment = open(20, "/spool/1.segment", "O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC, 0600");
const beginning = [
  segment,
  open(21, "/spool/2.segment", "O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC, 0600"),
  open(22, "/spool", "O_RDONLY|O_CLOEXEC"),
  "11 fsync(22) = 0",
  "10 accept4(17, NULL, NULL, SOCK_CLOEXEC|SOCK_NONBLOCK) = 30",
];
const write = `11 pwritev(20, [${pieces}], 2, 32) = ${length}`;
const sync = "11 fdatasync(20) = 0";
const reply = `10 write(30, "${text("250 2.0.0 queued as m1\r\n")}", 24) = 24`;
const syncBegins = "11 fdatasync(20 <unfinished ...>";
const syncEnds = "11 <... fdatasync resumed>) = 0";

for (const [name, lines] of [
  ["written, synced, answered", [...beginning, write, sync, reply]],
  [
    "other threads between the halves of a call",
    [...beginning, write, syncBegins, '12 write(1, "\\x20", 1) = 1', syncEnds, reply],
  ],
  [
    "a write in two steps",
    [
      ...beginning,
      `11 pwritev(20, [${pieces}], 2, 32) = ${half}`,
      `11 pwritev(20, [{iov_base="\\x20"..., iov_len=${length - half}}], 1, ${32 + half}) = ${length - half}`,
      sync,
      reply,
    ],
  ],
  [
    "a reply in the middle of another write",
    [
      ...beginning,
      write,
      sync,
      `10 writev(30, [{iov_base="${text("250 ok\r\n")}", iov_len=8}, {iov_base="${text("250 2.0.0 queued as m1\r\n")}", iov_len=24}], 2 <unfinished ...>`,
      "10 <... writev resumed>) = 32",
    ],
  ],
  [
    "a descriptor that another thread closes while a connection is being accepted",
    [
      segment,
      ...beginning.slice(1, -1),
      open(30, "/mail/new/1", "O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0600"),
      "10 accept4(17, NULL, NULL, SOCK_CLOEXEC|SOCK_NONBLOCK <unfinished ...>",
      "12 close(30 <unfinished ...>",
      "10 <... accept4 resumed>) = 30",
      "12 <... close resumed>) = 0",
      write,
      sync,
      reply,
    ],
  ],
  [
    "a descriptor that another thread closes while a segment is made",
    [
      open(20, "/mail/new/1", "O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0600"),
      `${segment.slice(0, segment.lastIndexOf(")"))} <unfinished ...>`,
      "12 close(20) = 0",
      "10 <... openat resumed>) = 20",
      ...beginning.slice(1),
      write,
      sync,
      reply,
    ],
  ],
  [
    "signals and ends of threads",
    [...beginning, write, sync, "12 --- SIGTERM {si_signo=SIGTERM} ---", reply, "12 +++ exited with 0 +++"],
  ],
] as const) {
  test(`an honest trace passes: ${name}`, () => {
    assert.deepEqual(judgeTrace(`${lines.join("\n")}\n`), { replied: ["m1"], violations: [], syncs: 1 });
  });
}

for (const [name, lines] of [
  ["no sync at all", [...beginning, write, reply]],
  ["the reply before the sync has ended", [...beginning, write, syncBegins, reply, syncEnds]],
  ["the reply before the sync has begun", [...beginning, write, reply, sync]],
  [
    "the sync began before the last write had ended",
    [
      ...beginning,
      `12 pwritev(20, [${pieces}], 2, 32 <unfinished ...>`,
      syncBegins,
      `12 <... pwritev resumed>) = ${length}`,
      syncEnds,
      reply,
    ],
  ],
  [
    "the sync began before the second half was written",
    [
      ...beginning,
      `11 pwritev(20, [${pieces}], 2, 32) = ${half}`,
      sync,
      `11 pwritev(20, [{iov_base="\\x20"..., iov_len=${length - half}}], 1, ${32 + half}) = ${length - half}`,
      reply,
    ],
  ],
  ["the second half was never written", [...beginning, `11 pwritev(20, [${pieces}], 2, 32) = ${half}`, sync, reply]],
  ["another file was synced", [...beginning, write, "11 fdatasync(21) = 0", reply]],
  ["the sync failed", [...beginning, write, "11 fdatasync(20) = -1 EIO (Input/output error)", reply]],
  [
    "the descriptor stands for another file by now",
    [
      ...beginning,
      write,
      "10 close(20) = 0",
      open(20, "/spool/3.segment", "O_RDWR|O_CREAT|O_EXCL|O_CLOEXEC, 0600"),
      sync,
      reply,
    ],
  ],
  [
    "another message was written",
    [...beginning, `11 pwritev(20, [${frame("m2").pieces}], 2, 32) = ${length}`, sync, reply],
  ],
  ["the name of the file was not synced", [...beginning.filter((line) => !line.includes("fsync")), write, sync, reply]],
  [
    "the name was synced before there was a file",
    [open(22, "/spool", "O_RDONLY|O_CLOEXEC"), "11 fsync(22) = 0", segment, beginning.at(-1) ?? "", write, sync, reply],
  ],
] as const) {
  test(`a lying trace is found out: ${name}`, () => {
    const { replied, violations } = judgeTrace(`${lines.join("\n")}\n`);
    assert.deepEqual(replied, ["m1"]);
    assert.equal(violations.length, 1);
  });
}

test("a trace that is not understood is an error", () => {
  for (const line of ["nonsense", "11 <... fdatasync resumed>) = 0", "11 pwritev(20, [", "strace: attached"]) {
    assert.throws(() => judgeTrace(`${[...beginning, line, write, sync, reply].join("\n")}\n`), line);
  }
});
