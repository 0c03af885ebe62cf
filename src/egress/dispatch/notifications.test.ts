// The table of RFC 3461, whole: NOTIFY × what happens × whether the next hop offers DSN, through the dispatcher, each
// report read by Python's email package.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { test } from "node:test";
import type { AcceptRecord } from "../../spool/message.ts";
import { createDispatcher } from "./dispatcher.ts";
import { openSqliteStore } from "../../store/sqlite/sqlite-store.ts";
import { aWhile, openHouse, openIn, resultOf, settledAs, until } from "./test-support.ts";
import type { House, HouseOptions } from "./test-support.ts";

const alice = "alice@sekimori.test";
const bob = "bob@sekimori.test";
const remote = "carol@example.jp";
/** In a domain with a mailbox store behind LMTP: the end of the way, as here. */
const stored = "carol@store.test";
type Notify = NonNullable<NonNullable<AcceptRecord["recipientDsn"]>[number]["notify"]>;

const reader = `
import sys, json, base64, email
reports = []
for text in json.load(sys.stdin):
    message = email.message_from_bytes(base64.b64decode(text))
    parts = message.get_payload()
    groups = [dict((name.lower(), str(value)) for name, value in group.items()) for group in parts[1].get_payload()]
    reports.append({
        "type": message.get_content_type() + "; " + message.get_param("report-type"),
        "defects": [type(d).__name__ for p in message.walk() for d in p.defects],
        "header": dict((name.lower(), str(value)) for name, value in message.items()),
        "parts": [part.get_content_type() for part in parts],
        "about": groups[0], "recipients": groups[1:],
    })
json.dump(reports, sys.stdout)
`;

interface Report {
  readonly type: string;
  readonly defects: readonly string[];
  readonly header: Readonly<Record<string, string>>;
  readonly parts: readonly string[];
  readonly about: Readonly<Record<string, string>>;
  readonly recipients: readonly Readonly<Record<string, string>>[];
}

function read(reports: readonly string[]): readonly Report[] {
  const input = JSON.stringify(reports.map((text) => Buffer.from(text, "latin1").toString("base64")));
  const parsed: Report[] = JSON.parse(execFileSync("python3", ["-I", "-S", "-c", reader], { input, encoding: "utf8" }));
  return parsed;
}

const skip = spawnSync("python3", ["-I", "-S", "-c", "import email"]).status === 0 ? false : "python3 is not here";

function open(options: HouseOptions = {}): House {
  const house = openHouse(openSqliteStore(":memory:"), options);
  house.holding = true;
  return house;
}

/** What happens to the message, to its end or until it waits. */
const happenings = {
  "stored here": async (house: House, more: Partial<AcceptRecord>) => {
    const message = house.send(alice, [bob], more);
    await until("it is settled", () => openIn(house, message).length === 0);
  },
  "stored by another program": async (house: House, more: Partial<AcceptRecord>) => {
    const message = house.send(alice, [stored], more);
    await until("it is under way", () => house.jobs.length > 0);
    house.jobs.at(-1)!.done(resultOf(0, "delivered"));
    await until("it is settled", () => openIn(house, message).length === 0);
  },
  "relayed with DSN": (house: House, more: Partial<AcceptRecord>) =>
    attempt(house, more, "delivered", { confirms: true }),
  "relayed without DSN": (house: House, more: Partial<AcceptRecord>) => attempt(house, more, "delivered", {}),
  delayed: (house: House, more: Partial<AcceptRecord>) => attempt(house, more, "deferred", {}),
  failed: (house: House, more: Partial<AcceptRecord>) => attempt(house, more, "failed", {}),
} as const;

async function attempt(
  house: House,
  more: Partial<AcceptRecord>,
  kind: "delivered" | "deferred" | "failed",
  change: { readonly confirms?: true },
): Promise<void> {
  const message = house.send(alice, [remote], more);
  house.jobs.at(-1)!.done({ ...resultOf(0, kind), ...change });
  await until("it has ended or waits", () =>
    kind === "deferred" ? house.store.countWaiting() > 0 : openIn(house, message).length === 0,
  );
}

/** In the order of the happenings; "-" is no report. */
const table: readonly (readonly [notify: Notify | undefined, reports: readonly string[]])[] = [
  [undefined, ["-", "-", "-", "-", "delayed", "failed"]],
  [["NEVER"], ["-", "-", "-", "-", "-", "-"]],
  [["SUCCESS"], ["delivered", "delivered", "-", "relayed", "-", "-"]],
  [["FAILURE"], ["-", "-", "-", "-", "-", "failed"]],
  [["DELAY"], ["-", "-", "-", "-", "delayed", "-"]],
  [
    ["SUCCESS", "FAILURE"],
    ["delivered", "delivered", "-", "relayed", "-", "failed"],
  ],
  [
    ["SUCCESS", "DELAY"],
    ["delivered", "delivered", "-", "relayed", "delayed", "-"],
  ],
  [
    ["FAILURE", "DELAY"],
    ["-", "-", "-", "-", "delayed", "failed"],
  ],
  [
    ["SUCCESS", "FAILURE", "DELAY"],
    ["delivered", "delivered", "-", "relayed", "delayed", "failed"],
  ],
];

test(
  "each NOTIFY and each happening has its report or none, with ENVID, ORCPT and RET honoured",
  { skip },
  async () => {
    const reports: string[] = [];
    const expected: { readonly action: string; readonly recipient: string; readonly returns: "FULL" | "HDRS" }[] = [];
    for (const [notify, actions] of table) {
      for (const [index, happen] of Object.values(happenings).entries()) {
        for (const returns of ["FULL", "HDRS"] as const) {
          const house = open({ retry: [3_600_000], delayNotice: 0 });
          const named = `${notify?.join() ?? "no NOTIFY"}, ${Object.keys(happenings)[index]}`;
          // oxlint-disable-next-line no-await-in-loop -- one house after the other
          await happen(house, {
            dsn: { envelopeId: "QQ+2B314159", returns },
            recipientDsn: { 0: { ...(notify && { notify }), originalRecipient: "rfc822;team+2Bx@example.org" } },
          });
          // oxlint-disable-next-line no-await-in-loop
          await until("reports are delivered", () => house.dispatcher.activeCount() === 0);
          const mail = house.mail.get(alice) ?? [];
          const action = actions[index]!;
          assert.equal(mail.length, action === "-" ? 0 : 1, named);
          assert.equal(house.named("bounce.dropped").length, index === 5 && action === "-" ? 1 : 0, named);
          if (action !== "-") {
            reports.push(mail[0]!);
            expected.push({ action, recipient: [bob, stored][index] ?? remote, returns });
          }
          // oxlint-disable-next-line no-await-in-loop
          await house.end();
        }
      }
    }
    for (const [index, report] of read(reports).entries()) {
      const { action, recipient, returns } = expected[index]!;
      assert.deepEqual(report.defects, []);
      assert.equal(report.type, "multipart/report; delivery-status");
      assert.equal(report.header["return-path"], "<>");
      assert.equal(report.header["to"], `<${alice}>`);
      assert.equal(report.header["auto-submitted"], "auto-replied");
      const full = action === "failed" && returns === "FULL";
      assert.deepEqual(report.parts, [
        "text/plain",
        "message/delivery-status",
        full ? "message/rfc822" : "text/rfc822-headers",
      ]);
      assert.equal(report.about["original-envelope-id"], "QQ+314159");
      assert.equal(report.about["reporting-mta"], "dns; sekimori.test");
      const [fields, ...more] = report.recipients;
      assert.deepEqual(more, []);
      assert.equal(fields?.["action"], action);
      assert.equal(fields?.["original-recipient"], "rfc822;team+x@example.org");
      assert.equal(fields?.["final-recipient"], `rfc822; ${recipient}`);
      const status = { delivered: "2.0.0", relayed: "2.0.0", delayed: "4.4.1", failed: "5.1.1" }[action];
      assert.equal(fields?.["status"], status);
      assert.equal(fields?.["will-retry-until"] !== undefined, action === "delayed");
      assert.equal(fields?.["remote-mta"], action === "delivered" ? undefined : "dns; mx.example.jp");
    }
    assert.equal(reports.length, 44);
  },
);

test("a message from <> has no report, whatever NOTIFY asks and whatever happens", async () => {
  const house = open({ retry: [3_600_000], delayNotice: 0 });
  const notify: Notify = ["SUCCESS", "FAILURE", "DELAY"];
  const message = house.send("", [bob, "x@example.jp", "y@example.jp", "z@example.jp"], {
    recipientDsn: { 0: { notify }, 1: { notify }, 2: { notify }, 3: { notify } },
  });
  for (const [recipient, kind] of [
    [1, "delivered"],
    [2, "deferred"],
    [3, "failed"],
  ] as const) {
    house.jobs[0]!.done(resultOf(recipient, kind));
  }
  await until("it rests", () => house.dispatcher.activeCount() === 0);
  assert.deepEqual(settledAs(house, message), ["delivered", "delivered", undefined, "failed"]);
  assert.equal(house.spool.size, 1);
  assert.equal(house.named("bounce.dropped").length, 1);
  await house.end();
});

test("a bounce that fails is a log line and the end (double bounce)", async () => {
  const house = open();
  house.send("nobody@example.jp", [remote]);
  house.jobs[0]!.done(resultOf(0, "failed"));
  await until("the report is under way", () => house.jobs.length === 2);
  assert.deepEqual(house.jobs[1]!.message.recipients, ["nobody@example.jp"]);
  assert.equal(house.jobs[1]!.message.sender, "");
  house.jobs[1]!.done(resultOf(0, "failed"));
  await until("it rests", () => house.dispatcher.activeCount() === 0);
  assert.deepEqual([house.jobs.length, house.named("bounce.dropped").length], [2, 1]);
  await house.end();
});

test("of a delay the sender hears once, when the message is old enough", async () => {
  const house = open({ retry: [1], delayNotice: 40 });
  house.dispatcher.start();
  const message = house.send(alice, [remote]);
  for (let attempts = 0; attempts < 6; attempts++) {
    // oxlint-disable-next-line no-await-in-loop -- one attempt after the other
    await until("the next attempt", () => house.jobs.length > attempts);
    const reported = house.mail.get(alice)?.length ?? 0;
    const old = house.clock.wall() - message.receivedAt;
    assert.ok(reported === 0 ? true : old >= 40);
    // oxlint-disable-next-line no-await-in-loop
    await aWhile();
    house.jobs[attempts]!.done(resultOf(0, "deferred"));
  }
  await until("the sender has heard", () => house.mail.has(alice));
  await until("another attempt", () => house.jobs.length > 6);
  house.jobs[6]!.done(resultOf(0, "deferred"));
  await until("it waits or is tried", () => house.jobs.length > 7);
  assert.equal(house.store.findWaiting(message.id)?.recipients[0]?.warned, true, "written down");
  assert.equal(house.mail.get(alice)?.length, 1);
  house.jobs[7]!.done(resultOf(0, "delivered"));
  await until("it is settled", () => openIn(house, message).length === 0);
  await house.end();
});

test("a report of success that cannot be made does not hold the message back", async () => {
  const house = open();
  house.before.append = () => Promise.reject(new Error("no space"));
  const message = house.send(alice, [bob], { recipientDsn: { 0: { notify: ["SUCCESS"] } } });
  await until("it is settled", () => openIn(house, message).length === 0);
  assert.equal(house.named("internal.failed").length, 1);
  assert.equal(house.mail.get(bob)?.length, 1);
  await house.end();
});

test("a report can always be made 7-bit: what cannot be converted is returned as its header", async () => {
  const signed =
    "Subject: x\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nr\u00e9sum\u00e9\r\n--b\r\n\r\nsignature\r\n--b--\r\n";
  const header = "Subject: r\u00e9sum\u00e9\r\n\r\nx\r\n";
  for (const original of [signed, header]) {
    const house = open();
    const message = house.accept("nobody@example.jp", [remote], { eightBit: true });
    house.dispatcher.accepted(message, [Buffer.from(original)]);
    house.jobs[0]!.done(resultOf(0, "failed"));
    // oxlint-disable-next-line no-await-in-loop -- one house after the other
    await until("the report is under way", () => house.jobs.length === 2);
    // oxlint-disable-next-line no-await-in-loop
    const converted = await house.jobs[1]!.sevenBit!();
    assert.ok(converted.ok);
    assert.match(Buffer.concat(converted.value).toString("latin1"), /^Content-Type: text\/rfc822-headers\r$/m);
    house.jobs[1]!.done(resultOf(0, "delivered"));
    // oxlint-disable-next-line no-await-in-loop
    await house.end();
  }
});

test("8-bit content for a hop of 7 bits is signed in the form that leaves", async () => {
  const house = open();
  const finished: string[] = [];
  const services = {
    ...house.services,
    finish: async (_message: AcceptRecord, content: readonly Uint8Array[]) => {
      finished.push(Buffer.concat(content).toString("latin1"));
      return content;
    },
  };
  await house.dispatcher.close();
  const dispatcher = createDispatcher(services);
  const message = house.accept(alice, [remote], { eightBit: true });
  const content = Buffer.from("DKIM-Signature: v=1; d=example.org\r\n\r\nr\u00e9sum\u00e9 and more of it\r\n");
  dispatcher.accepted(message, [content]);
  const form = await house.jobs[0]!.sevenBit!();
  assert.ok(form.ok);
  assert.equal(Buffer.concat(form.value).toString("latin1"), finished[0]);
  assert.match(finished[0]!, /=C3=A9sum/);
  assert.deepEqual(house.named("delivery.converted"), [{ message: message.id, brokenSignatures: 1 }]);
  house.jobs[0]!.done(resultOf(0, "delivered"));
  await dispatcher.close();
  house.store.close();
});
