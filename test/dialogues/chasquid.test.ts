// chasquid's own end-to-end dialogues, run against this server: what another implementation thinks an SMTP server
// should say. Compared is the reply code. Where this server decides otherwise on purpose, the table says what it
// answers and why, and that is asserted as exactly as the rest.

import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { after, test } from "node:test";
import { openDialogue } from "../lab/client.ts";
import type { Dialogue } from "../lab/client.ts";
import { atEnd } from "../lab/cleanup.ts";
import type { Scope } from "../lab/cleanup.ts";
import { waitForMailbox } from "../lab/mailbox.ts";
import { startSink } from "../lab/sink.ts";
import { domain, startSite } from "../lab/site.ts";
import type { Site } from "../lab/site.ts";
import { findVectors } from "../lab/skip.ts";
import { parseTranscript } from "./transcript.ts";
import type { Step } from "./transcript.ts";

interface Difference {
  readonly script: string;
  readonly line: number;
  /** Each of them is right; more than one only where packet boundaries decide. */
  readonly codes: readonly number[];
  readonly reason: string;
}

const differences: readonly Difference[] = [
  ...[5, 10, 15].map((line) => ({
    script: "wrong_proto",
    line,
    codes: [521],
    reason: "HTTP ends the session, so that what follows in the request cannot become commands",
  })),
  {
    script: "line_too_long",
    line: 5,
    codes: [501],
    reason: "the line is within this server's bound, which is wider than chasquid's; the name in it is not one",
  },
  {
    script: "auth_not_tls",
    line: 8,
    codes: [502],
    reason: "an MX has no AUTH at all, with TLS or without; chasquid's port 25 has",
  },
  {
    script: "auth_multi_dialog",
    line: 9,
    codes: [504],
    reason: "RFC 4954 §4: 504 5.5.4 for a mechanism that is not supported; 534 is for one that is too weak",
  },
  {
    script: "auth_too_many_failures",
    line: 13,
    codes: [501],
    reason: "what cannot be decoded is no wrong password: only those count as failed logins",
  },
  {
    script: "bad_data",
    line: 35,
    codes: [250],
    reason: "on the MX a crooked header section is somebody else's fault and no reason to lose the mail",
  },
  ...[8, 11].map((line) => ({
    script: "bad_mail_from",
    line,
    codes: [501],
    reason: "MAIL is known, its argument is wrong: RFC 5321 §4.2.2 has 501 for that",
  })),
  ...[11, 14].map((line) => ({
    script: "bad_rcpt_to",
    line,
    codes: [501],
    reason: "RCPT is known, its argument is wrong: RFC 5321 §4.2.2 has 501 for that",
  })),
  {
    script: "bad_rcpt_to",
    line: 41,
    codes: [553],
    reason: "an address outside ASCII needs the SMTPUTF8 parameter, and RFC 6531 §3.5 has 553 5.6.7 for one without",
  },
  {
    script: "bad_data_dot_on_message_too_big",
    line: 36,
    codes: [521, 552],
    reason: "two defects, and the one in the earlier packet is told: too large, or the bare line end",
  },
];

const inapplicable: Readonly<Record<string, string>> = {
  test_chasquid_util: "does not apply: drives chasquid's own command line",
};

/** chasquid's names → ours. */
const account = { address: `user@${domain}`, password: "secretpassword" };
const expectedScripts = 19;

const vectors = findVectors("smtp-chasquid-dialogs");

if (vectors.kind === "absent") {
  test("chasquid's dialogues", (t) => t.skip(`${vectors.reason} (${expectedScripts} dialogues not run)`));
} else {
  const files = globSync("test/*/*.cmy", { cwd: vectors.path })
    .toSorted()
    .map((file) => join(vectors.path, file));

  test("all of chasquid's dialogues are there", () => {
    assert.equal(files.length, expectedScripts);
    const names = new Set(files.map((file) => basename(file, ".cmy")));
    for (const { script } of differences) assert.ok(names.has(script), script);
    for (const script of Object.keys(inapplicable)) assert.ok(names.has(script), script);
  });

  const scope: Scope = { after };
  const sink = await startSink(scope);
  const site = await startSite(scope, {
    smarthost: sink,
    smtp: ['message-size = "1MiB"'],
    accounts: { [account.address]: account.password },
  });
  let delivered = 0;

  for (const file of files) {
    const script = basename(file, ".cmy");
    test(`${basename(join(file, ".."))}/${script}`, async (t) => {
      const why = inapplicable[script];
      if (why !== undefined) {
        t.skip(why);
        return;
      }
      const accepted = await play(t, site, script, parseTranscript(readFileSync(file, "utf8")));
      delivered += accepted;
      if (accepted === 0) return;
      const messages = await waitForMailbox(t, site.pop3s, account, delivered, 20_000);
      assert.equal(messages.length, delivered);
      const wanted = `${file}.verify`;
      if (existsSync(wanted)) assertContains(messages.at(-1) ?? "", readFileSync(wanted, "utf8"));
    });
  }

  test("a recipient without angle brackets is a syntax error (RFC 5321 §4.1.2)", async (t) => {
    const session = await openDialogue(t, site.mx);
    await session.reply();
    await session.expect("EHLO localhost", 250);
    await session.expect("MAIL FROM: <>", 250);
    await session.expect(`RCPT TO: ${account.address}`, 501);
  });
}

/** Plays one script; returns how many messages were accepted. */
async function play(scope: Scope, site: Site, script: string, steps: readonly Step[]): Promise<number> {
  const sessions = new Map<string, Dialogue>();
  const known = new Map(
    differences.filter((difference) => difference.script === script).map((each) => [each.line, each]),
  );
  atEnd(scope, () => sessions.forEach((session) => session.destroy()));
  let accepted = 0;
  let dataSent = false;
  for (const step of steps) {
    const session = sessions.get(step.name);
    switch (step.kind) {
      case "connect":
        session?.destroy();
        // oxlint-disable-next-line no-await-in-loop -- a dialogue
        sessions.set(step.name, await openDialogue(scope, portOf(site, step), step.tls));
        break;
      case "close":
        session?.destroy();
        break;
      case "send":
        // oxlint-disable-next-line no-await-in-loop
        await session?.send(translate(step.octets));
        break;
      case "expect": {
        if (session === undefined) throw new Error(`line ${step.line}: not connected`);
        // oxlint-disable-next-line no-await-in-loop
        const reply = await session.reply();
        const difference = known.get(step.line);
        const where = `${script}.cmy line ${step.line}, ${step.text}: answered ${reply.raw}`;
        assert.ok((difference?.codes ?? [step.code]).includes(reply.code), where);
        known.delete(step.line);
        if (dataSent && reply.code === 250) accepted++;
        dataSent = reply.code === 354;
        break;
      }
      case "process":
        throw new Error(`line ${step.line} is about a process`);
    }
  }
  assert.deepEqual([...known.keys()], [], "differences that were never reached");
  return accepted;
}

function portOf(site: Site, step: Extract<Step, { kind: "connect" }>): Site["mx"] {
  switch (step.port) {
    case 1025:
      return site.mx;
    case 1465:
      return site.submissions;
    default:
      throw new Error(`line ${step.line}: port ${step.port} has no counterpart`);
  }
}

/** Names, angle brackets that chasquid does without, and names inside SASL responses. */
function translate(octets: string): string {
  const rcpt = /^RCPT TO: (\S+)@testserver\r\n$/.exec(octets);
  if (rcpt !== null) return `RCPT TO:<${rcpt[1]}@${domain}>\r\n`;
  const response = octets.slice(0, -2);
  if (/^[A-Za-z0-9+/]{24,}={0,2}$/.test(response)) {
    const decoded = Buffer.from(response, "base64");
    if (decoded.toString("base64") === response) {
      return `${Buffer.from(decoded.toString().replaceAll("testserver", domain)).toString("base64")}\r\n`;
    }
  }
  return octets.length > 4096 ? octets : octets.replaceAll("@testserver", `@${domain}`);
}

/** Every header field of the wanted message is there, and the body is the same up to empty lines at its end. */
function assertContains(message: string, wanted: string): void {
  const [head, body] = halves(message.replaceAll("\r\n", "\n"));
  const [wantedHead, wantedBody] = halves(wanted);
  for (const field of wantedHead.split("\n")) assert.ok(head.split("\n").includes(field), `${field} in\n${head}`);
  assert.equal(body.trimEnd(), wantedBody.trimEnd());
}

function halves(message: string): readonly [string, string] {
  const at = message.indexOf("\n\n");
  return [message.slice(0, at), message.slice(at + 2)];
}
