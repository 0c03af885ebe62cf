// An SMTP service for tests: the real session, directory, login and limits over small stores in memory, and a client
// that reads whole replies. No store, spool or clock here is one that production code knows of.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import type { Socket } from "node:net";
import type { TestContext } from "node:test";
import { connect as connectTls, createSecureContext } from "node:tls";
import type { ConnectionOptions, SecureContext } from "node:tls";
import { parseAddress } from "../../address/address.ts";
import type { Address } from "../../address/address.ts";
import { parseDomain } from "../../address/domain.ts";
import type { Domain } from "../../address/domain.ts";
import type { SmtpSettings } from "../../config/settings.ts";
import { createSessionLoad } from "./load.ts";
import { createClientLimits } from "../../counters/client-limits.ts";
import type { ClientRules } from "../../counters/client-limits.ts";
import { createAccountLimits } from "../../counters/account-limits.ts";
import type { WindowRule } from "../../counters/limits.ts";
import { createGuesses } from "../../counters/guesses.ts";
import { createVisits } from "../../counters/visits.ts";
import { createLogin } from "../../directory/credentials.ts";
import { createScramLogin } from "../../directory/scram-login.ts";
import { loginStanding } from "../../directory/standing.ts";
import type { AccountTerms } from "../../directory/terms.ts";
import { createCorrespondents } from "../../directory/correspondents.ts";
import { createDirectory } from "../../directory/directory.ts";
import { createIdentities } from "../../directory/identities.ts";
import { createOrigins } from "../../directory/origins.ts";
import { ensureSelfSigned } from "../../io/certificate.ts";
import { hashPassword } from "../../io/password-hash.ts";
import { makeCramKeys } from "../../io/cram-keys.ts";
import { makeScramKeys } from "../../io/scram-keys.ts";
import { asRemote } from "../../io/rpc.ts";
import type { EventName, Observer } from "../../observe/events.ts";
import type { AcceptRecord, SpooledMessage } from "../../spool/message.ts";
import type { Account } from "../../store/store.ts";
import type { FailMode } from "../../verdict/facts.ts";
import { openSmtpListener } from "./listener.ts";
import type { SmtpListener, SmtpListenerOptions } from "./listener.ts";
import type { SmtpServices } from "./services.ts";

export const PASSWORD = "open sesame";
const START = Date.parse("2026-01-01T00:00:00Z");
export const HOUR = 3_600_000;

export interface Material {
  readonly secureContext: SecureContext;
  readonly certificate: Buffer;
  readonly passwordHash: string;
  readonly scram: string;
}

/** What is slow to make, once a test file. */
export async function makeMaterial(directory: string): Promise<Material> {
  const files = await ensureSelfSigned(directory, ["mx1.sekimori.test"], Date.now());
  const certificate = await readFile(files.certificate);
  const secureContext = createSecureContext({ cert: certificate, key: await readFile(files.key) });
  const [passwordHash, scram] = [await hashPassword(PASSWORD), await makeScramKeys(PASSWORD)];
  return { secureContext, certificate, passwordHash, scram };
}

export interface Settings {
  readonly smtp?: Partial<SmtpSettings>;
  readonly quota?: readonly WindowRule[];
  readonly attempts?: readonly WindowRule[];
  /** Messages of one account. */
  readonly perMessage?: readonly WindowRule[];
  readonly newRecipients?: readonly WindowRule[];
  readonly bytes?: readonly WindowRule[];
  readonly domainQuota?: readonly WindowRule[];
  readonly terms?: Partial<AccountTerms>;
  readonly clientFail?: FailMode;
  readonly enrolment?: SmtpServices["enrolment"];
  readonly client?: Partial<ClientRules>;
}

const unlimited: ClientRules = {
  connections: 1000,
  connectionRate: [],
  messages: [],
  recipients: [],
  authFailures: [],
  exempt: [],
};

export type Service = ReturnType<typeof makeService>;

export function makeService(material: Material, settings: Settings = {}) {
  const clock = { now: START, wall: () => clock.now, monotonic: () => clock.now - START };
  const events: { readonly name: EventName; readonly fields: object }[] = [];
  const notices = makeNotices();
  const observer: Observer = {
    emit: (name, fields) => {
      events.push({ name, fields });
      notices.notify();
    },
  };

  const store = makeStore(material);
  const postmaster = address("alice@sekimori.test");
  const aliases = new Map([
    ["sales", [postmaster]],
    ["team", [postmaster, address("bob@sekimori.test")]],
  ]);
  const directory = createDirectory(
    [{ name: domain("sekimori.test"), postmaster, aliases, dkim: undefined, store: undefined }],
    asRemote(store),
  );
  const logins = { count: 0 };
  const guesses = createGuesses(
    () => clock.monotonic(),
    () => false,
  );
  const origins = createOrigins(asRemote(store), "secret", clock, assert.ifError);
  const accounts = {
    directory,
    store: asRemote(store),
    guesses,
    origins,
    clock,
    changed: () => undefined,
    failed: assert.ifError,
  };
  const login = createLogin(accounts);

  const spool = makeSpool(notices.notify);
  const space = { free: 1e12, spooled: 0 };
  let ids = 0;
  const limits = createAccountLimits(
    {
      standard: {
        recipients: settings.quota ?? [{ name: "1h", length: HOUR, limit: 1000 }],
        attempts: settings.attempts ?? [{ name: "1h", length: HOUR, limit: 1000 }],
        messages: settings.perMessage ?? [],
        "new-recipients": settings.newRecipients ?? [],
        bytes: settings.bytes ?? [],
      },
      plans: {},
      domain: settings.domainQuota ?? [],
    },
    clock,
  );
  const termsOf = (account: string): AccountTerms => ({
    account,
    plan: "",
    share: 1,
    recipientsPerMessage: 1000,
    over: "defer",
    foreignSender: "refuse",
    identityHeader: "none",
    address: account,
    counts: {
      messages: settings.perMessage !== undefined,
      newRecipients: settings.newRecipients !== undefined,
      bytes: settings.bytes !== undefined,
    },
    ...settings.terms,
  });
  const services: SmtpServices = {
    visits: createVisits(() => clock.monotonic()),
    hostname: domain("mx1.sekimori.test"),
    smtp: {
      messageSize: 1_000_000,
      recipients: 100,
      errors: 20,
      authFailures: 3,
      messages: 100,
      timeout: 60_000,
      contentRate: 500,
      contentTime: 600_000,
      sessions: 100,
      contentMemory: 10_000_000,
      freeSpace: 1000,
      spoolSize: Number.POSITIVE_INFINITY,
      ...settings.smtp,
    },
    directory,
    login: (name, password, visit) => {
      logins.count++;
      return login(name, password, visit);
    },
    standing: loginStanding(directory),
    enrolment: settings.enrolment ?? (() => Promise.resolve({ kind: "none" })),
    scram: createScramLogin(accounts),
    limits,
    identities: createIdentities(store.loginSecret()),
    correspondents: createCorrespondents(asRemote(store), store.loginSecret()),
    terms: termsOf,
    clientFail: settings.clientFail ?? "closed",
    clients: createClientLimits({ ...unlimited, ...settings.client }, () => clock.monotonic()),
    spool,
    tellAccount: (terms, { layer, level }) => void spool.notices.push(`${terms.account} ${level} ${layer}`),
    examine: () => undefined,
    accepted: (message, content) => {
      spool.handedOver.push(message.id);
      assert.ok(content.length > 0);
      notices.notify();
    },
    deliver: () => Promise.resolve({ kind: "taken" }),
    secureContext: material.secureContext,
    observer,
    clock,
    newId: () => `id${String(++ids).padStart(6, "0")}`,
    freeSpace: () => space.free,
    spooled: () => space.spooled,
    load: createSessionLoad(),
    budgetOf: () => ({
      sessions: { slot: 0, limit: services.smtp.sessions },
      content: { slot: 0, limit: services.smtp.contentMemory },
    }),
  };
  const named = (name: EventName) => events.filter((event) => event.name === name).map(({ fields }) => fields);
  return {
    services,
    directory,
    store,
    spool,
    clock,
    space,
    logins,
    events,
    named,
    /** Resolves when the condition holds; asked after every event and every call of the spool. */
    until: notices.until,
    quotaUsed: (account = "alice@sekimori.test") => limits.uses(termsOf(account)).quota[0]!.used,
    attemptsUsed: (account = "alice@sekimori.test") => limits.uses(termsOf(account)).attempts[0]!.used,
    certificate: material.certificate,
  };
}

function makeNotices() {
  const waiting = new Set<() => void>();
  return {
    notify: () => {
      for (const check of waiting) check();
    },
    until: (condition: () => boolean): Promise<void> =>
      new Promise((resolve) => {
        const check = () => {
          if (!condition()) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
  };
}

function makeStore(material: Material) {
  // Bob is from before there was SCRAM and has no keys for CRAM-MD5 either, Carol is suspended.
  const accounts = ["alice", "bob", "carol"].map((name): Account => ({
    key: `${name}@sekimori.test`,
    address: `${name}@sekimori.test`,
    passwordHash: material.passwordHash,
    ...(name === "bob" ? {} : { scram: material.scram, cram: makeCramKeys(PASSWORD) }),
    aliases: name === "alice" ? ["a.lice@sekimori.test"] : [],
    createdAt: START,
    suspended: name === "carol",
  }));
  const store = {
    /** While set, look-ups fail with it. */
    failure: undefined as string | undefined,
    /** While set, look-ups wait for it. */
    gate: undefined as Promise<void> | undefined,
    lookups: 0,
    findAccount: async (key: string): Promise<Account | undefined> => {
      store.lookups++;
      if (store.gate !== undefined) await store.gate;
      if (store.failure !== undefined) throw new Error(store.failure);
      return accounts.find((account) => account.key === key || account.aliases.includes(key));
    },
    completeScram: (key: string, passwordHash: string, scram: string): boolean => {
      const index = accounts.findIndex((account) => account.key === key && account.passwordHash === passwordHash);
      if (index >= 0) accounts[index] = { ...accounts[index]!, scram };
      return index >= 0;
    },
    replacePasswordHash: (): boolean => false,
    noteAppPasswordUse: () => {},
    originsOf: () => [],
    noteOrigin: () => {},
    loginSecret: () => "c2VjcmV0",
    /** Whom every account wrote to. */
    correspondents: new Set<number>(),
    isCorrespondent: async (_account: string, correspondent: number): Promise<boolean> => {
      if (store.gate !== undefined) await store.gate;
      if (store.failure !== undefined) throw new Error(store.failure);
      return store.correspondents.has(correspondent);
    },
  };
  return store;
}

function makeSpool(notify: () => void) {
  const spool = {
    appended: [] as { readonly record: AcceptRecord; readonly content: string }[],
    handedOver: [] as string[],
    /** What accounts were told. */
    notices: [] as string[],
    asked: 0,
    failure: undefined as string | undefined,
    gate: undefined as Promise<void> | undefined,
    append: async (record: AcceptRecord, content: readonly Uint8Array[]): Promise<SpooledMessage> => {
      spool.asked++;
      notify();
      if (spool.gate !== undefined) await spool.gate;
      if (spool.failure !== undefined) throw new Error(spool.failure);
      const text = Buffer.concat(content).toString("latin1");
      spool.appended.push({ record, content: text });
      notify();
      return { ...record, size: text.length };
    },
  };
  return spool;
}

/** A promise to hold something up with. */
export function makeGate(): { readonly promise: Promise<void>; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { promise, open: resolve };
}

export async function listen(t: TestContext, service: Service, options: Partial<SmtpListenerOptions> = {}) {
  const listener = await openSmtpListener(
    { address: "127.0.0.1", port: 0 },
    { role: "submission", listener: "test", tls: "starttls", ...options },
    () => service.services,
  );
  t.after(() => listener.close(0));
  return listener;
}

export type Client = ReturnType<typeof makeClient>;

export function dial(t: TestContext, { port }: Pick<SmtpListener, "port">): Client {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true });
  t.after(() => socket.destroy());
  return makeClient(socket);
}

/** Reads replies whole: all lines of one, without the last CRLF. */
function makeClient(first: Socket) {
  let socket = first;
  let received = "";
  let ended = false;
  let wake: (() => void) | undefined;

  function attach(): void {
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      received += text;
      wake?.();
    });
    for (const event of ["end", "close", "error"]) {
      socket.on(event, () => {
        ended = true;
        wake?.();
      });
    }
  }
  attach();

  async function reply(): Promise<string> {
    for (;;) {
      const match = /^(?:\d{3}-[^\r\n]*\r\n)*\d{3} [^\r\n]*\r\n/.exec(received);
      if (match !== null) {
        received = received.slice(match[0].length);
        return match[0].slice(0, -2);
      }
      if (ended) return `(closed)${received}`;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  const client = {
    get socket(): Socket {
      return socket;
    },
    reply,
    /** Gone without a word (RST). A mere FIN may also be a client that has nothing more to say and waits. */
    reset: () => {
      first.resetAndDestroy();
    },
    send: (text: string) => {
      socket.write(text, "latin1");
    },
    /** One command, one reply. */
    ask: (line: string): Promise<string> => {
      socket.write(`${line}\r\n`, "latin1");
      return reply();
    },
    /** The rest until the server ends. */
    rest: async (): Promise<string> => {
      let all = "";
      for (;;) {
        const next = await reply();
        if (next.startsWith("(closed)")) return all + next.slice("(closed)".length);
        all += `${next}\r\n`;
      }
    },
    secure: async (certificate: Buffer, options: ConnectionOptions = {}): Promise<void> => {
      socket.removeAllListeners("data");
      socket.removeAllListeners("end");
      const secured = connectTls({ ...options, socket, ca: certificate, servername: "mx1.sekimori.test" });
      await new Promise<void>((resolve, reject) => {
        secured.once("secureConnect", resolve);
        secured.once("error", reject);
      });
      socket = secured;
      attach();
    },
  };
  return client;
}

export function plainLogin(name: string, password = PASSWORD): string {
  return `AUTH PLAIN ${Buffer.from(`\0${name}\0${password}`).toString("base64")}`;
}

/** Greeted, secured by STARTTLS, EHLO said again. */
export async function dialSecured(t: TestContext, service: Service, listener: SmtpListener): Promise<Client> {
  const client = dial(t, listener);
  assert.match(await client.reply(), /^220 mx1\.sekimori\.test ESMTP$/);
  assert.match(await client.ask("EHLO c.example.jp"), /^250-/);
  assert.match(await client.ask("STARTTLS"), /^220 /);
  await client.secure(service.certificate);
  assert.match(await client.ask("EHLO c.example.jp"), /^250-/);
  return client;
}

/** The same, and logged in. */
export async function dialAs(
  t: TestContext,
  service: Service,
  listener: SmtpListener,
  name = "alice@sekimori.test",
): Promise<Client> {
  const client = await dialSecured(t, service, listener);
  assert.equal(await client.ask(plainLogin(name)), "235 2.7.0 authenticated");
  return client;
}

export const message = (from = "alice@sekimori.test") =>
  `From: <${from}>\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <one@sekimori.test>\r\nSubject: one\r\n\r\nbody\r\n`;

function address(text: string): Address {
  const parsed = parseAddress(text);
  assert.ok(parsed.ok);
  return parsed.value;
}

function domain(text: string): Domain {
  const parsed = parseDomain(text);
  assert.ok(parsed.ok);
  return parsed.value;
}
