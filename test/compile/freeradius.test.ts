// The files for sessions in a real server: FreeRADIUS reads them, gives the attributes to radclient, and what arrives is
// the policy still. The octets on the wire are held against RFC 4849, and messages for CoA arrive at a socket as written.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";
import { mkdir, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { radius } from "../../src/compile/targets/radius/index.ts";
import type { TextFile } from "../../src/compile/target.ts";
import { verify } from "../../src/compile/verify.ts";
import type { NetworkPolicy } from "../../src/policy/network/policy.ts";
import { runProgram, startChild } from "../lab/child.ts";
import { atEnd } from "../lab/cleanup.ts";
import { loopbackAddress } from "../lab/loopback.ts";
import { requires } from "../lab/skip.ts";
import type { FoundProgram } from "../lab/skip.ts";
import { temporaryDirectory } from "../lab/temporary.ts";
import { waitFor } from "../lab/wait.ts";
import { benchOf } from "./mutants.ts";
import { specimen, specimenAt, specimenSettings } from "./specimen.ts";

const secret = "testing123";
const line = { kind: "line", pool: "pool0" } as const;
const policy: NetworkPolicy = {
  ...specimen,
  exemptions: [
    ...specimen.exemptions,
    { ...specimen.exemptions[0]!, id: "alice", subject: { kind: "subscriber", subscriber: "alice@isp.example" } },
  ],
};

function filesFor(apply: "rules" | "filter-id"): {
  readonly bench: ReturnType<typeof benchOf>;
  readonly files: readonly TextFile[];
} {
  const nas = { directions: "both", families: "both", apply, rules: undefined } as const;
  const bench = benchOf(radius, policy, specimenSettings("radius", { placement: line, nas }), line, specimenAt);
  const rendered = radius.render(bench.projection.program, bench.options);
  assert.ok(rendered.ok);
  return { bench, files: rendered.value };
}

/** A server with our files and nothing else, that accepts whoever asks. */
async function startServer(t: TestContext, program: FoundProgram, files: readonly TextFile[]): Promise<string> {
  const folder = await temporaryDirectory(t);
  const address = loopbackAddress();
  for (const { path, text } of files) {
    const file = join(folder, path);
    // oxlint-disable-next-line no-await-in-loop -- a handful of files
    await mkdir(dirname(file), { recursive: true });
    // oxlint-disable-next-line no-await-in-loop
    await writeFile(file, text);
  }
  const share = join(program.tree!, "usr/share/freeradius");
  const configuration = `
raddbdir = ${folder}
modconfdir = ${folder}/mods-config
run_dir = ${folder}
libdir = ${join(program.tree!, "usr/lib/freeradius")}
max_requests = 1024
security {
	allow_core_dumps = no
}
thread pool {
	start_servers = 1
	max_servers = 1
	min_spare_servers = 1
	max_spare_servers = 1
}
client test {
	ipaddr = 127.0.0.0/8
	secret = ${secret}
}
modules {
	$INCLUDE ${folder}/mods-available/
}
server default {
	listen {
		type = auth
		ipaddr = ${address}
		port = 18120
	}
	authorize {
		op25b_pool0
		update control {
			Auth-Type := Accept
		}
	}
}
`;
  await writeFile(join(folder, "radiusd.conf"), configuration);
  const parameters = ["-d", folder, "-D", share, "-n", "radiusd", "-l", "stdout"];
  const { environment } = program;
  const checked = await runProgram({
    program: program.path,
    parameters: ["-C", ...parameters],
    environment,
    milliseconds: 60_000,
  });
  assert.equal(checked.code, 0, `${checked.stdout}\n${checked.stderr}`);
  const server = startChild({ program: program.path, parameters: ["-f", ...parameters], environment });
  atEnd(t, async () => void (await server.stop("SIGTERM", 20_000)));
  await server.waitForLine(/Ready to process requests/, 60_000);
  return `${address}:18120`;
}

/** What radclient is told, as lines of attributes. */
async function ask(program: FoundProgram, server: string, user: string): Promise<string> {
  const input = `User-Name = "${user}", User-Password = "x", Message-Authenticator = 0x00\n`;
  const { code, stdout, stderr } = await runProgram({
    program: program.path,
    parameters: [
      "-x",
      "-t",
      "10",
      "-r",
      "3",
      "-D",
      join(program.tree!, "usr/share/freeradius"),
      server,
      "auth",
      secret,
    ],
    environment: program.environment,
    input,
    milliseconds: 60_000,
  });
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  const answer = stdout.slice(stdout.indexOf("Received Access-Accept"));
  return answer
    .split("\n")
    .filter((each) => /^\s+(?:NAS-Filter-Rule|Filter-Id) = /.test(each))
    .map((each) => each.trim().replace(" = ", " += "))
    .join(",\n\t");
}

for (const apply of ["rules", "filter-id"] as const) {
  test(`FreeRADIUS reads the files, and what radclient gets is the policy (${apply})`, async (t) => {
    const server = await requires(t, "freeradius");
    const client = await requires(t, "radclient");
    if (server === undefined || client === undefined) return;
    const { bench, files } = filesFor(apply);
    const at = await startServer(t, server, files);
    const [rest, own] = [await ask(client, at, "bob@isp.example"), await ask(client, at, "alice@isp.example")];
    assert.notEqual(rest, own);
    const users = `alice@isp.example\n\t${own}\n\nDEFAULT\n\t${rest}\n`;
    const back = radius.parse([{ path: "answers", text: users }, ...files.slice(1)], bench.context);
    assert.ok(back.ok, `${JSON.stringify(back)}\n${users}`);
    const result = verify(bench.projection.program, back.value, bench.projection.scope);
    assert.equal(result.kind, "equal", `${JSON.stringify(result)}\n${users}`);
  });
}

test("on the wire rules are as RFC 4849 has them: one text over attributes of 253 octets at most, with a NUL between two", async (t) => {
  const server = await requires(t, "freeradius");
  if (server === undefined) return;
  const { files } = filesFor("rules");
  const [host, port] = (await startServer(t, server, files)).split(":");
  const socket = createSocket("udp4");
  atEnd(t, () => void socket.close());
  const answer = await accessRequest(socket, host!, Number(port));
  assert.equal(answer[0], 2, "Access-Accept");
  const texts: string[] = [];
  for (let at = 20; at < answer.readUInt16BE(2); at += answer[at + 1]!) {
    if (answer[at] === 92) texts.push(answer.toString("latin1", at + 2, at + answer[at + 1]!));
  }
  const printed = [...files[0]!.text.slice(files[0]!.text.indexOf("DEFAULT\n")).matchAll(/"(.*)"/g)].map(
    (found) => found[1],
  );
  assert.deepEqual(
    texts
      .join("")
      .split("\0")
      .filter((each) => each !== ""),
    printed,
  );
  assert.ok(texts.length > 1);
});

async function accessRequest(socket: Socket, host: string, port: number): Promise<Buffer> {
  const name = Buffer.from("bob@isp.example");
  const request = Buffer.concat([
    Buffer.from([1, 7, 0, 20 + 2 + name.length + 18]),
    createHash("md5").update("a test").digest(),
    Buffer.from([1, 2 + name.length]),
    name,
    Buffer.from([2, 18]),
    Buffer.alloc(16),
  ]);
  const received = once(socket, "message", { signal: AbortSignal.timeout(30_000) }) as Promise<[Buffer]>;
  socket.send(request, port, host);
  return (await received)[0];
}

test("radclient sends the lists for running sessions as CoA", async (t) => {
  const client = await requires(t, "radclient");
  if (client === undefined) return;
  const { files } = filesFor("rules");
  const list = (path: string): string => files.find((file) => file.path === path)!.text;
  const host = loopbackAddress();
  const socket = createSocket("udp4");
  atEnd(t, () => void socket.close());
  const received: Buffer[] = [];
  socket.on("message", (message, from) => {
    received.push(message);
    // CoA-ACK, with the authenticator of RFC 5176 §2.3.
    const head = Buffer.from([44, message[1]!, 0, 20]);
    const sum = createHash("md5")
      .update(Buffer.concat([head, message.subarray(4, 20), Buffer.from(secret)]))
      .digest();
    socket.send(Buffer.concat([head, sum]), from.port, from.address);
  });
  socket.bind(0, host);
  await once(socket, "listening");
  const { code, stdout, stderr } = await runProgram({
    program: client.path,
    parameters: [
      "-t",
      "10",
      "-r",
      "3",
      "-D",
      join(client.tree!, "usr/share/freeradius"),
      `${host}:${socket.address().port}`,
      "coa",
      secret,
    ],
    environment: client.environment,
    input: `Acct-Session-Id = "s1"\n${list("coa/pool0")}\n${list("coa/pool0-subscribers")}`,
    milliseconds: 60_000,
  });
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  await waitFor("two messages", 10_000, () => (received.length >= 2 ? true : undefined));
  const texts = received.map((message) => message.toString("latin1"));
  assert.ok(texts.some((text) => text.includes("s1") && text.includes("deny in 6 from any to any 25")));
  assert.ok(texts.some((text) => text.includes("alice@isp.example") && !text.includes("deny")));
});
