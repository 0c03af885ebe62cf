import assert from "node:assert/strict";
import { test } from "node:test";
import type { Agents } from "./agents.ts";
import type { Conversation } from "./conversations.ts";
import type { Said, Talk } from "./converse.ts";
import { hold } from "./hold.ts";

const conversation: Conversation = {
  title: "a login",
  from: "bot",
  to: { host: "msa", port: 587 },
  tls: "on request",
  protocol: "smtp",
  families: [4],
  lines: [
    ["", "^220 "],
    ["AUTH PLAIN {right alice@isp-a.example}", "^235 "],
    ["QUIT", "^221 "],
  ],
};

const nobody = (): never => assert.fail("not asked");

function speakers(said: Said, heard: Talk[] = []) {
  const agents: Agents = {
    connect: nobody,
    count: nobody,
    stop: nobody,
    close: nobody,
    converse: (_host, talk) => {
      heard.push(talk);
      return Promise.resolve(said);
    },
  };
  return { agents, passwords: new Map([["alice@isp-a.example", "secret"]]) };
}

test("what comes back as it must has no faults, and the password is said but not shown", async () => {
  const heard: Talk[] = [];
  const result = await hold(
    speakers({ answers: ["220 a", "235 b", "221 c"], ended: undefined }, heard),
    conversation,
    6,
  );
  assert.deepEqual(result.faults, []);
  const credentials = Buffer.from("\0alice@isp-a.example\0secret").toString("base64");
  assert.equal(heard[0]!.lines[1], `AUTH PLAIN ${credentials}`);
  assert.ok(!JSON.stringify(result).includes(credentials));
});

test("a wrong answer, and the line at which it ended, are faults", async () => {
  const wrong = await hold(speakers({ answers: ["220 a", "535 b", "221 c"], ended: undefined }), conversation, 4);
  assert.deepEqual(wrong.faults, ["AUTH PLAIN {right alice@isp-a.example}: 535 b"]);
  const cut = await hold(speakers({ answers: ["220 a"], ended: "ECONNRESET" }), conversation, 4);
  assert.deepEqual(cut.faults, ["AUTH PLAIN {right alice@isp-a.example}: ECONNRESET"]);
});
