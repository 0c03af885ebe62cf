// Every stage over all combinations of its facts: not examples, but the laws that must hold in each of them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress } from "../../address/address.ts";
import type { Address } from "../../address/address.ts";
import { combine } from "../combine.ts";
import type {
  ClientFact,
  ClientLimitFact,
  AuthFacts,
  ConnectFacts,
  DataFacts,
  ForeignSender,
  LimitFact,
  Lookup,
  MailFacts,
  MessageFacts,
  RcptFacts,
  TryFacts,
  EnrolmentFact,
  SenderRight,
} from "../facts.ts";
import { reasons } from "../reasons.ts";
import type { ReasonId } from "../reasons.ts";
import type { Final, Verdict } from "../verdict.ts";
import { decideAuth, decideAuthOffer } from "./auth.ts";
import { decideConnect } from "./connect.ts";
import { decideData, decideMessage, decideOctets } from "./data.ts";
import { decideMail } from "./mail.ts";
import { decideQuota, decideRcpt, decideTry, storeRefusal } from "./rcpt.ts";

/** Every combination of the values listed for each fact. */
function product<Facts>(values: { readonly [Name in keyof Facts]: readonly Facts[Name][] }): Facts[] {
  let rows: object[] = [{}];
  for (const [name, options] of Object.entries(values) as [string, readonly unknown[]][]) {
    rows = rows.flatMap((row) => options.map((option) => ({ ...row, [name]: option })));
  }
  return rows as Facts[];
}

const seen = new Set<ReasonId>();

/** Filled in by ingress, which alone knows the id of a message that is durable. */
const filledLater = new Set<ReasonId>(["message.queued"]);

/** What every verdict of every stage must satisfy; returns what the client gets. */
function decided(verdicts: readonly Verdict[]): Final {
  for (const verdict of verdicts) {
    if (verdict.kind === "unknown") continue;
    seen.add(verdict.reason);
    const { code, text } = reasons[verdict.reason];
    switch (verdict.kind) {
      case "accept":
      case "hold":
        assert.ok(code < 400, `${verdict.reason} accepts with ${code}`);
        break;
      case "reject":
        assert.ok(code >= 500, `${verdict.reason} rejects with ${code}`);
        break;
      case "defer":
        assert.ok(code >= 400 && code < 500, `${verdict.reason} defers with ${code}`);
        break;
      case "disconnect":
        // In place of the greeting it may also be for good (RFC 5321 §3.1).
        if (verdict.reason.endsWith("-ended") && verdict.reason.startsWith("connect.")) assert.equal(code, 554);
        else assert.equal(code, 421, `${verdict.reason} disconnects with ${code}`);
        break;
      case "slow":
        continue;
    }
    if (filledLater.has(verdict.reason)) continue;
    for (const [, name] of text.matchAll(/\{([a-z]+)\}/g)) {
      assert.notEqual(verdict.evidence?.[name!], undefined, `${verdict.reason} does not fill {${name}}`);
    }
  }
  return combine(verdicts).verdict;
}

const unavailable = { kind: "unavailable", cause: "the store is away" } as const;
const account = "alice@sekimori.test";

function address(text: string): Address {
  const parsed = parseAddress(text);
  assert.ok(parsed.ok);
  return parsed.value;
}

const connects = product<ConnectFacts>({
  hostname: ["mx.sekimori.test"],
  role: ["submission", "mx", "pop3"],
  sessions: [1, 9, 10, 11],
  sessionLimit: [0, 10],
  ended: [undefined, { role: "legacy", until: "2027-03-31" }, { role: "substitute", until: "2027-03-31" }],
  client: [
    { kind: "within" },
    { kind: "connections", limit: 50 },
    { kind: "unavailable", cause: "no answer", fail: "closed" },
    { kind: "unavailable", cause: "no answer", fail: "open" },
    { kind: "rate", limit: 100, window: "1m" },
    { kind: "logins", limit: 100, window: "1h" },
  ],
});

test("CONNECT: a session is served exactly while the limit is kept; of failed logins AUTH judges where there is one", () => {
  for (const facts of connects) {
    const { kind } = decided(decideConnect(facts));
    const client = hasRoom(facts.client) || (facts.client.kind === "logins" && facts.role !== "mx");
    const isServed = facts.ended === undefined && facts.sessions <= facts.sessionLimit && client;
    assert.equal(kind, isServed ? "accept" : "disconnect");
  }
});

const auths = product<AuthFacts>({
  hostname: ["mx.sekimori.test"],
  role: ["submission", "mx"],
  secured: ["plaintext", "tls"],
  failures: [0, 1, 2, 3, 4],
  failureLimit: [3],
  outcome: [
    { kind: "not-asked" },
    { kind: "account", account },
    { kind: "refused", delay: 1000 },
    { kind: "held" },
    { kind: "busy" },
    { kind: "shut", limit: 100, window: "1h" },
    { kind: "wrong-scope" },
    { kind: "malformed" },
    unavailable,
  ],
});

test("AUTH: accepted exactly inside TLS, on submission, when the directory named an account", () => {
  for (const facts of auths) {
    const allowed = facts.secured === "tls" && facts.role === "submission";
    assert.equal(decided(decideAuthOffer(facts)).kind === "accept", allowed);
    assert.equal(decided(decideAuth(facts)).kind === "accept", allowed && facts.outcome.kind === "account");
  }
});

test("AUTH: a wrong password, being held and a full queue cost waiting, and enough wrong passwords the session", () => {
  for (const facts of auths) {
    const verdicts = decideAuth(facts);
    const here = facts.secured === "tls" && facts.role === "submission";
    const asked = here && facts.outcome.kind === "refused";
    const shut = here && facts.outcome.kind === "shut";
    const notNow = here && (facts.outcome.kind === "held" || facts.outcome.kind === "busy");
    assert.equal(combine(verdicts).delay > 0, asked || shut || notNow);
    assert.equal(decided(verdicts).kind === "disconnect", shut || (asked && facts.failures >= facts.failureLimit));
  }
});

test("AUTH: a directory that does not answer defers, so that clients do not ask their users for another password", () => {
  for (const facts of auths.filter(({ outcome }) => outcome.kind === "unavailable")) {
    if (facts.role === "submission" && facts.secured === "tls") assert.equal(decided(decideAuth(facts)).kind, "defer");
  }
});

const limits: readonly LimitFact[] = [
  { kind: "within" },
  { kind: "none" },
  { kind: "over", window: "1h", used: 200, limit: 200, reset: 1_700_000_000_000 },
  { kind: "over", of: "new-recipients", window: "1d", used: 20, limit: 20, reset: 1_700_000_000_000 },
  { kind: "beyond", window: "1h", used: 200, limit: 200, reset: 1_700_000_000_000 },
  { kind: "beyond", of: "new-recipients", window: "1d", used: 20, limit: 20, reset: 1_700_000_000_000 },
  { kind: "over", of: "domain", window: "1d", used: 900, limit: 900, reset: 1_700_000_000_000 },
  { kind: "over", of: "restrained", window: "2m", used: 1, limit: 1, reset: 1_700_000_000_000 },
  unavailable,
];
const ofClients: readonly ClientLimitFact[] = [
  { kind: "within" },
  { kind: "none" },
  { kind: "over", window: "1m", used: 9, limit: 9, reset: 1_700_000_000_000 },
  { ...unavailable, fail: "closed" },
  { ...unavailable, fail: "open" },
];
const hasRoom = (fact: ClientFact | ClientLimitFact): boolean =>
  fact.kind === "within" || fact.kind === "none" || (fact.kind === "unavailable" && fact.fail === "open");

const enrolments: readonly EnrolmentFact[] = [
  { kind: "valid", way: "direct" },
  { kind: "valid", way: "relay" },
  { kind: "none" },
  { kind: "expired", since: "2026-12-31" },
  { kind: "unfit", words: "SPF of example.jp forbids mail from 192.0.2.1" },
  { kind: "unread", cause: "timeout" },
  { kind: "over", until: "2027-03-31" },
  { kind: "unaligned", sender: "alice@other.example" },
];

const mails = product<MailFacts>({
  hostname: ["mx.sekimori.test"],
  role: ["submission", "mx"],
  ended: [undefined],
  account: [undefined, account],
  standing: ["active", "suspended", "ended", "none", unavailable],
  sender: [undefined, address("bob@example.jp")],
  ownership: [
    "own",
    "delegate",
    "foreign",
    "none",
    unavailable,
    { kind: "valid", way: "relay" },
    { kind: "unread", cause: "timeout" },
  ],
  foreignSender: ["refuse", "rewrite"],
  ownAddress: [account],
  declaredSize: [undefined, 1000, 1001],
  messageSize: [1000],
  octets: [{ kind: "none" }],
  over: ["defer"],
  freeSpace: [5000, 5999, Number.POSITIVE_INFINITY],
  freeSpaceNeeded: [5000],
  clientMessages: ofClients,
  spooled: [100, 9000, 9001],
  spoolLimit: [10_000],
  messages: [0, 10],
  messageLimit: [10],
});

test("MAIL: on submission nobody begins without an account, and only with a sender it may use, none, or its own in place", () => {
  for (const facts of mails.filter(({ role }) => role === "submission")) {
    if (decided(decideMail(facts)).kind !== "accept") continue;
    assert.equal(facts.account, account);
    const isFine = facts.sender === undefined || facts.ownership === "own" || facts.ownership === "delegate";
    const isProved = typeof facts.ownership === "object" && facts.ownership.kind === "valid";
    const { reason } = decided(decideMail(facts));
    assert.equal(reason, isFine ? "sender.accepted" : isProved ? "sender.enrolled" : "sender.rewritten");
    if (!isFine && !isProved) assert.deepEqual([facts.ownership, facts.foreignSender], ["foreign", "rewrite"]);
  }
});

test("MAIL: nothing begins in a session whose login does not hold any more, the null sender neither", () => {
  for (const facts of mails.filter(({ role, account: key }) => role === "submission" && key !== undefined)) {
    const { kind } = decided(decideMail(facts));
    if (facts.standing !== "active") assert.notEqual(kind, "accept");
    if (facts.standing === "ended") assert.equal(kind, "disconnect");
  }
});

test("MAIL: a foreign sender is refused for good, one whose owner is not known only for now", () => {
  for (const facts of mails) {
    if (facts.role !== "submission" || facts.account === undefined || facts.sender === undefined) continue;
    const { kind } = decided(decideMail(facts));
    if (facts.standing !== "active") continue;
    if (facts.ownership === "foreign" && facts.foreignSender !== "rewrite") {
      assert.ok(kind === "reject" || kind === "disconnect");
      assert.deepEqual(decideMail({ ...facts, foreignSender: "rewrite", ownAddress: "" }), decideMail(facts));
    }
    const { ownership } = facts;
    if (ownership === "none") assert.notEqual(kind, "accept");
    if (typeof ownership === "object" && ownership.kind !== "valid") assert.notEqual(kind, "accept");
    // Who could not be asked about is not refused for good.
    if (typeof ownership === "object" && (ownership.kind === "unread" || ownership.kind === "unavailable")) {
      const { kind: answer } = decided(decideMail({ ...facts, declaredSize: undefined, messages: 0 }));
      assert.equal(answer, "defer");
    }
  }
});

test("MAIL: an address at a third party passes only while its proof and the third party let it", () => {
  const [fine] = mails.filter((facts) => decided(decideMail(facts)).reason === "sender.enrolled");
  assert.ok(fine);
  for (const ownership of enrolments) {
    const { kind } = decided(decideMail({ ...fine, ownership }));
    const expected = ownership.kind === "valid" ? "accept" : ownership.kind === "unread" ? "defer" : "reject";
    assert.equal(kind, expected, ownership.kind);
    // Never where nobody logged in.
    assert.notEqual(decided(decideMail({ ...fine, account: undefined, ownership })).kind, "accept");
  }
});

test("MAIL: nothing begins that is too large, would fill the disk or the spool, or is beyond the session's number", () => {
  for (const facts of mails) {
    const { kind } = decided(decideMail(facts));
    const declared = facts.declaredSize ?? 0;
    if (declared > facts.messageSize) assert.ok(kind === "reject" || kind === "disconnect");
    if (facts.freeSpace - declared < facts.freeSpaceNeeded) assert.notEqual(kind, "accept");
    if (!hasRoom(facts.clientMessages)) assert.notEqual(kind, "accept");
    if (facts.spooled + declared > facts.spoolLimit) assert.notEqual(kind, "accept");
    if (facts.messages >= facts.messageLimit) assert.equal(kind, "disconnect");
  }
});

test("MAIL: nothing begins after the listener's last day, for good, and the answer says what to use instead", () => {
  const fine = mails.filter((facts) => decided(decideMail(facts)).kind === "accept");
  for (const role of ["legacy", "substitute"] as const) {
    for (const facts of fine) {
      const verdict = decided(decideMail({ ...facts, ended: { role, until: "2027-03-31" } }));
      assert.deepEqual([verdict.kind, verdict.reason], ["reject", `sender.${role}-ended`]);
    }
  }
});

test("MAIL: an announced size for which the account has no room is refused at once, for good where it never has", () => {
  const fine = mails.find((facts) => facts.account !== undefined && decided(decideMail(facts)).kind === "accept")!;
  const roomy = { ...fine, freeSpace: Number.POSITIVE_INFINITY, spooled: 0 };
  for (const octets of limits.filter(({ kind }) => kind !== "beyond")) {
    for (const over of ["defer", "reject"] as const) {
      for (const declaredSize of [100, 201]) {
        const { kind, reason } = decided(decideMail({ ...roomy, declaredSize, octets, over }));
        if (octets.kind === "within" || octets.kind === "none") assert.equal(kind, "accept");
        else if (octets.kind !== "over") assert.equal(kind, "defer");
        else if (declaredSize > octets.limit) assert.equal(reason, "sender.bytes-never");
        else assert.equal(kind, over === "reject" ? "reject" : "defer");
      }
    }
  }
});

test("MAIL: on the MX who the sender is does not matter", () => {
  for (const facts of mails.filter(({ role, ownership }) => role === "mx" && ownership === "own")) {
    for (const ownership of ["own", "foreign", "none", unavailable] as const) {
      assert.deepEqual(decided(decideMail({ ...facts, ownership, sender: undefined })), decided(decideMail(facts)));
    }
  }
});

const lookups: readonly Lookup[] = [
  { kind: "mailbox", account },
  { kind: "alias", accounts: [account, "bob@sekimori.test"] },
  { kind: "role", accounts: [account] },
  { kind: "suspended", account },
  { kind: "full", account },
  { kind: "stored" },
  { kind: "store-refused", code: 552, enhanced: "5.2.2", text: "over quota" },
  { kind: "store-refused", code: 452, enhanced: "4.2.2", text: "over quota" },
  { kind: "unknown-mailbox" },
  { kind: "remote" },
  unavailable,
];

const rcpts = product<RcptFacts>({
  role: ["submission", "mx"],
  account: [undefined, account],
  recipient: ["bob@example.jp"],
  lookup: lookups,
});
const tries = product<TryFacts>({
  accepted: [0, 99, 100],
  recipientLimit: [100],
  attempts: limits,
  clientRecipients: ofClients,
});

test("RCPT: mail is relayed only on submission and only for an account", () => {
  let relayed = 0;
  for (const facts of rcpts.filter(({ lookup }) => lookup.kind === "remote")) {
    if (decided(decideRcpt(facts)).kind !== "accept") continue;
    relayed++;
    assert.equal(facts.role, "submission");
    assert.equal(facts.account, account);
  }
  assert.ok(relayed > 0, "the service exists");
});

test("RCPT: on the MX nothing but local mailboxes, aliases and role addresses is accepted", () => {
  for (const facts of rcpts.filter(({ role }) => role === "mx")) {
    const { kind } = decided(decideRcpt(facts));
    if (kind === "accept") assert.ok(["mailbox", "alias", "role", "stored"].includes(facts.lookup.kind));
    if (facts.lookup.kind === "remote") assert.equal(kind, "reject");
  }
});

test("what a mailbox store refuses is refused in its class, at RCPT and after the message", () => {
  for (const [code, kind] of [
    [452, "defer"],
    [550, "reject"],
  ] as const) {
    const refusal = {
      kind: "store-refused",
      code,
      enhanced: `${kind === "defer" ? 4 : 5}.2.2`,
      text: "over quota",
    } as const;
    for (const facts of rcpts.filter(({ lookup }) => lookup.kind === "store-refused")) {
      assert.notEqual(decided(decideRcpt({ ...facts, lookup: refusal })).kind, "accept");
    }
    for (const stage of ["rcpt", "message"] as const) {
      assert.equal(decided([storeRefusal(refusal, stage, "bob@sekimori.test")]).kind, kind);
    }
  }
});

test("RCPT: on submission nothing is accepted without an account, local recipients neither", () => {
  for (const facts of rcpts.filter((each) => each.role === "submission" && each.account === undefined)) {
    assert.equal(decided(decideRcpt(facts)).kind, "reject");
  }
});

test("RCPT: a directory that does not answer accepts nothing and says no to nobody", () => {
  for (const facts of rcpts.filter(({ lookup }) => lookup.kind === "unavailable")) {
    const verdict = decided(decideRcpt(facts));
    assert.notEqual(verdict.kind, "accept");
    assert.notEqual(verdict.reason, "recipient.unknown");
  }
});

test("RCPT: one too many, one try too many or one that nobody can count is for later; else there is nothing to say", () => {
  for (const facts of tries) {
    const { attempts } = facts;
    const mayTry = attempts.kind === "within" || attempts.kind === "none";
    const mayAsk = facts.accepted < facts.recipientLimit && mayTry && hasRoom(facts.clientRecipients);
    const verdicts = decideTry(facts);
    assert.equal(verdicts.length === 0, mayAsk);
    // Not for good: the next message, or the next hour, may take it.
    if (mayAsk) continue;
    const { kind, reason } = decided(verdicts);
    assert.equal(kind, "defer");
    if (facts.accepted >= facts.recipientLimit || attempts.kind !== "over") continue;
    assert.equal(reason, attempts.of === "restrained" ? "recipient.slowed" : "recipient.attempts");
  }
});

test("quota: never makes a yes out of anything else, and only a known answer within the limit keeps a yes", () => {
  for (const facts of rcpts) {
    const before = decided(decideRcpt(facts));
    for (const quota of limits) {
      for (const over of ["defer", "reject"] as const) {
        const after = decided(decideQuota(before, quota, over));
        const passes = quota.kind === "within" || quota.kind === "none";
        assert.equal(after.kind === "accept", before.kind === "accept" && passes);
        // Only the counters know whether what is beyond was to be taken.
        if (quota.kind === "beyond" && over !== "reject") {
          assert.equal(after.kind === "hold", before.kind === "accept");
        }
        if (before.kind !== "accept" || quota.kind !== "over") continue;
        assert.equal(after.kind, quota.of === "domain" ? "defer" : over);
      }
    }
  }
});

test("octets: what is too much is answered as the plan says, and who cannot count takes nothing", () => {
  for (const octets of limits) {
    for (const [over, size] of [
      ["defer", 1],
      ["reject", 1],
      ["defer", 1_000_000],
    ] as const) {
      const { kind, reason } = decided([
        { kind: "accept", reason: "message.queued" },
        ...decideOctets(octets, size, over),
      ]);
      assert.equal(reason === "message.bytes-never", octets.kind === "over" && size > octets.limit);
      if (octets.kind === "over") assert.equal(kind, size > octets.limit ? "reject" : over);
      else if (octets.kind === "beyond") assert.equal(kind, over === "reject" ? "defer" : "hold");
      else assert.equal(kind, octets.kind === "unavailable" ? "defer" : "accept");
    }
  }
});

const datas = product<DataFacts>({
  messages: limits,
  over: ["defer", "reject"],
  contentMemory: [0, 99, 100, 101],
  contentMemoryLimit: [100],
});

test("DATA: content comes only while there is memory for it, and the account may send a message", () => {
  for (const facts of datas) {
    const { kind } = decided(decideData(facts));
    const allowed = facts.messages.kind === "within" || facts.messages.kind === "none";
    const isHeld = facts.messages.kind === "beyond" && facts.over !== "reject";
    if (facts.contentMemory < facts.contentMemoryLimit) assert.equal(kind === "hold", isHeld);
    assert.equal(kind === "accept", allowed && facts.contentMemory < facts.contentMemoryLimit);
    if (kind === "reject") assert.equal(facts.over, "reject");
  }
});

function claimed(policy: ForeignSender, rights: readonly (SenderRight | EnrolmentFact)[]): MessageFacts["authors"] {
  const mailboxes = rights.map((right, index) => ({ field: "from", address: `a${index}@example.jp`, right }) as const);
  return { kind: "claimed", policy, mailboxes };
}

const messages = product<MessageFacts>({
  role: ["submission", "mx"],
  account: [undefined, account],
  header: [{ kind: "fine" }, { kind: "malformed", defect: "no field" }, { kind: "unbounded", defect: "too long" }],
  hops: [0, 99, 100],
  hopLimit: [100],
  passes: [undefined, { recipient: "bob@sekimori.test", count: 1 }, { recipient: "bob@sekimori.test", count: 2 }],
  passLimit: [2],
  authors: [
    { kind: "not-asked" },
    claimed("refuse", ["own"]),
    claimed("refuse", ["own", "foreign"]),
    claimed("tag", ["foreign"]),
    ...enrolments.map((fact) => claimed("refuse", ["own", fact])),
    { kind: "unreadable", defect: "no From" },
    unavailable,
  ],
});

const circles = ({ hops, hopLimit, passes, passLimit }: MessageFacts): boolean =>
  hops >= hopLimit || (passes?.count ?? 0) >= passLimit;

const isProved = (right: SenderRight | EnrolmentFact): boolean => typeof right === "object" && right.kind === "valid";

test("message: on submission only what its account is known to have written", () => {
  for (const facts of messages.filter(({ role }) => role === "submission")) {
    if (decided(decideMessage(facts)).kind !== "accept") continue;
    assert.ok(facts.authors.kind === "claimed");
    const { policy, mailboxes } = facts.authors;
    assert.ok(policy === "tag" || mailboxes.every(({ right }) => right === "own" || isProved(right)));
    assert.equal(facts.header.kind, "fine");
  }
});

test("message: authors that could not be looked up defer; they do not reject and do not pass", () => {
  for (const facts of messages.filter(({ authors }) => authors.kind === "unavailable")) {
    if (facts.header.kind === "fine" && !circles(facts)) {
      assert.equal(decided(decideMessage(facts)).kind, "defer");
    } else assert.notEqual(decided(decideMessage(facts)).kind, "accept");
  }
});

test("message: nothing that runs in circles or cannot be bounded is taken, on either side", () => {
  for (const facts of messages) {
    if (!circles(facts) && facts.header.kind !== "unbounded") continue;
    assert.equal(decided(decideMessage(facts)).kind, "reject");
  }
});

test("message: on the MX a crooked header section is no reason to lose mail", () => {
  for (const header of [{ kind: "fine" }, { kind: "malformed", defect: "no field" }] as const) {
    const facts: MessageFacts = {
      role: "mx",
      account: undefined,
      header,
      hops: 3,
      hopLimit: 100,
      passes: { recipient: "bob@sekimori.test", count: 1 },
      passLimit: 2,
      authors: { kind: "not-asked" },
    };
    assert.equal(decided(decideMessage(facts)).kind, "accept");
  }
});

test("the tables above reach every reason of the stages", () => {
  for (const facts of mails) decided(decideMail(facts));
  const stages = /^(?:sender|substitute|recipient|data|message)\.|^auth\.|^connect\./;
  const ofTheCore = ["auth.mechanism", "auth.cancelled", "auth.too-long"];
  const elsewhere = new Set(["message.spool-failed", "message.held", "auth.mailbox-elsewhere", ...ofTheCore]);
  const missing = Object.keys(reasons).filter(
    (id) => stages.test(id) && !elsewhere.has(id) && !seen.has(id as ReasonId),
  );
  assert.deepEqual(missing, []);
});
