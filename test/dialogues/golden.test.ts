// Every golden dialogue against a real session on a real socket: step by step, in one write, octet by octet, and cut at
// random. However the octets come, the server says the same and keeps the same.

import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import type { TestContext } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { dial, dialAs, listen, makeMaterial, makeService } from "../../src/ingress/smtp/test-service.ts";
import type { Client, Material, Service } from "../../src/ingress/smtp/test-service.ts";
import { parseDialogues } from "./markdown.ts";
import type { GoldenDialogue } from "./markdown.ts";

let directory: string;
let material: Material;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "golden-"));
  material = await makeMaterial(directory);
});
after(() => rm(directory, { recursive: true }));

type Pieces = "steps" | "whole" | "octets" | "cuts";

const files = globSync(join(import.meta.dirname, "*.md")).toSorted();
const dialogues = files.flatMap((file) =>
  parseDialogues(readFileSync(file, "utf8")).map((dialogue) => ({ file: basename(file, ".md"), dialogue })),
);

test("there are dialogues for everything that is offered", () => {
  assert.ok(dialogues.length >= 25, `${dialogues.length} dialogues`);
  const names = dialogues.map(({ file, dialogue }) => `${file}: ${dialogue.name}`);
  assert.equal(new Set(names).size, names.length);
});

for (const { file, dialogue } of dialogues) {
  test(`${file}: ${dialogue.name}`, async (t) => {
    for (const pieces of ["steps", "whole", "octets", "cuts"] as const) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other, each on its own
      await t.test(pieces, (each) => play(each, dialogue, pieces));
    }
  });
}

async function play(t: TestContext, dialogue: GoldenDialogue, pieces: Pieces): Promise<void> {
  const service = makeService(material, { smtp: { recipients: 3, messages: 4, messageSize: 1000 } });
  const client = await open(t, dialogue, service);
  let said = "";
  if (pieces === "steps") {
    for (const { client: octets, server } of dialogue.turns) {
      client.socket.write(octets);
      let reply = "";
      // oxlint-disable-next-line no-await-in-loop -- a dialogue
      while (reply.length < server.length) reply += `${await client.reply()}\r\n`;
      assert.equal(reply, server);
      said += reply;
    }
  } else await send(client, Buffer.concat(dialogue.turns.map((turn) => turn.client)), pieces);
  client.socket.end();
  said += await client.rest();
  assert.equal(said, dialogue.turns.map(({ server }) => server).join(""));
  assert.equal(service.spool.appended.length, dialogue.records.length, "messages kept");
  for (const [index, expected] of dialogue.records.entries()) {
    const { record, content } = service.spool.appended[index]!;
    const { endsWith, matches, ...fields } = expected as { endsWith?: string; matches?: string };
    assert.deepEqual(pick({ ...record }, fields), fields);
    if (endsWith !== undefined) assert.equal(content.slice(-endsWith.length), endsWith);
    if (matches !== undefined) assert.match(content, new RegExp(matches));
  }
}

/** null in the expectation: the field is absent. */
function pick(record: object, wanted: object): object {
  return Object.fromEntries(Object.keys(wanted).map((key) => [key, Reflect.get(record, key) ?? null]));
}

async function open(t: TestContext, { role }: GoldenDialogue, service: Service): Promise<Client> {
  if (role === "account") return dialAs(t, service, await listen(t, service));
  if (role === "mx") return dial(t, await listen(t, service, { role: "mx", tls: "none" }));
  const client = dial(t, await listen(t, service, { tls: "implicit" }));
  await client.secure(service.certificate);
  return client;
}

async function send(client: Client, octets: Buffer, pieces: Exclude<Pieces, "steps">): Promise<void> {
  let start = 0;
  let seed = octets.length;
  while (start < octets.length) {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    const size = pieces === "whole" ? octets.length : pieces === "octets" ? 1 : 1 + (seed % 40);
    // A server that has closed takes no more.
    if (client.socket.destroyed) return;
    client.socket.write(octets.subarray(start, start + size));
    start += size;
    // oxlint-disable-next-line no-await-in-loop -- so that pieces arrive as pieces
    await nextTurn();
  }
}
