// The client's AUTH against the server's side of this house, which other programs' clients were tried against.

import assert from "node:assert/strict";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { test } from "node:test";
import * as fc from "fast-check";
import { scram, type ScramKeys } from "../sasl/scram.ts";
import { prepare } from "../../base/saslprep.ts";
import { login, type Login, type LoginStep } from "./login.ts";

const binding = Buffer.from("octets that only the two ends know");
const nonce = (): string => "fyko+d2lbbFgONRv";

function derive({ password, salt, iterations }: Extract<LoginStep, { kind: "derive" }>): Uint8Array {
  return pbkdf2Sync(password, salt, iterations, 32, "sha256");
}

function keysOf(password: string): ScramKeys {
  const salt = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
  const salted = pbkdf2Sync(password, salt, 4096, 32, "sha256");
  const hmac = (text: string) => createHmac("sha256", salted).update(text).digest();
  const storedKey = createHash("sha256").update(hmac("Client Key")).digest();
  return { iterations: 4096, salt, storedKey, serverKey: hmac("Server Key") };
}

interface Talk {
  readonly mechanism: string;
  readonly server: string;
  /** "ready", "waiting", or why it distrusts the server. */
  readonly client: string;
  readonly lines: readonly string[];
}

/** Both ends with each other; `spoil` may change what the server says. */
function talk(
  dialogue: Login,
  variant: "plain" | "plus",
  keys: ScramKeys,
  spoil: (message: string) => string = (message) => message,
): Talk {
  const server = scram(variant, { nonce: () => "%hvYDpWUa2RaTCAfuxFIlj)hNlF", binding });
  server.next();
  const lines: string[] = [];
  let step = dialogue.next();
  let end = "";
  while (step.done !== true) {
    const { value } = step;
    if (value.kind === "distrust")
      return { mechanism: lines[0]!.split(" ")[1]!, server: end, client: value.why, lines };
    if (value.kind === "derive") {
      step = dialogue.next(derive(value));
      continue;
    }
    lines.push(value.line);
    const response = Buffer.from(value.line.trim().split(" ").at(-1)!, "base64");
    let answer = server.next(response);
    if (answer.done !== true && answer.value.kind === "keys") answer = server.next(keys);
    if (answer.done === true || answer.value.kind !== "challenge") {
      end = (answer.value as { kind: string }).kind;
      // What is missing is the reply to AUTH.
      const last = end === "proved" ? dialogue.next("") : undefined;
      return {
        mechanism: lines[0]!.split(" ")[1]!,
        server: end,
        client: last?.done === true ? "ready" : "waiting",
        lines,
      };
    }
    const message = spoil(Buffer.from(answer.value.data).toString());
    step = dialogue.next(Buffer.from(message).toString("base64"));
  }
  throw new Error("the dialogue ended by itself");
}

function fresh(): Login {
  return login({ username: "u", password: "p" }, ["SCRAM-SHA-256"], { nonce, binding: undefined })!;
}

const scramAlone = ["SCRAM-SHA-256"];
const both = ["PLAIN", "SCRAM-SHA-256", "LOGIN", "SCRAM-SHA-256-PLUS"];

test("SCRAM, with the channel bound where both can, and for any name and password", () => {
  for (const [offered, bound, variant] of [
    [both, binding, "plus"],
    [both, undefined, "plain"],
    [scramAlone, undefined, "plain"],
  ] as const) {
    const property = fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" }), (name, secret) => {
      const credentials = { username: `u${name}`, password: `p${secret}` };
      const dialogue = login(credentials, offered, { nonce, binding: bound });
      // What SASLprep prohibits goes by PLAIN, or not at all.
      if (dialogue === undefined) {
        const prohibited = prepare(credentials.username) === undefined || prepare(credentials.password) === undefined;
        return assert.ok(prohibited && offered === scramAlone);
      }
      const first = dialogue.next();
      assert.ok(first.done !== true && first.value.kind === "say");
      if (!first.value.line.startsWith("AUTH SCRAM")) return;
      const again = login(credentials, offered, { nonce, binding: bound })!;
      const prepared = credentials.password.replaceAll(
        /\u034f|\p{Variation_Selector}|[\u00ad\u1806\u200b-\u200d\u2060\ufeff]/gu,
        "",
      );
      const spaced = prepared.replaceAll(/[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/gu, " ").normalize("NFKC");
      const { mechanism, server, client } = talk(again, variant, keysOf(spaced));
      assert.deepEqual([server, client], ["proved", "ready"]);
      assert.equal(mechanism, variant === "plus" ? "SCRAM-SHA-256-PLUS" : "SCRAM-SHA-256");
    });
    fc.assert(property, { numRuns: 15 });
  }
});

test("a server from which somebody took -PLUS away is told that we could have bound", () => {
  const dialogue = login({ username: "u", password: "p" }, ["SCRAM-SHA-256"], { nonce, binding })!;
  const { server } = talk(dialogue, "plain", keysOf("p"));
  assert.equal(server, "failed");
});

test("a server that does not know the password, or says so too early, is not believed", () => {
  assert.equal(talk(fresh(), "plain", keysOf("other")).server, "failed");
  const forged = talk(fresh(), "plain", keysOf("p"), (message) => message.replace(/^v=./, "v=A"));
  assert.match(forged.client, /has not proved/);
  const early = fresh();
  early.next();
  const step = early.next("");
  assert.ok(step.done !== true && step.value.kind === "distrust");
});

test("a challenge that makes no sense, or makes guessing cheap, or is meant to hang us, ends the login", () => {
  for (const challenge of [
    "r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    `r=${nonce()},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`,
    `r=${nonce()}x,s=,i=4096`,
    `r=${nonce()}x,s=!,i=4096`,
    `m=x,r=${nonce()}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`,
    `r=${nonce()}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1`,
    `r=${nonce()}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=999999999`,
  ]) {
    const dialogue = fresh();
    dialogue.next();
    const step = dialogue.next(Buffer.from(challenge).toString("base64"));
    assert.ok(step.done !== true && step.value.kind === "distrust", challenge);
  }
  const property = fc.property(fc.string(), (challenge) => {
    const dialogue = fresh();
    dialogue.next();
    const step = dialogue.next(challenge);
    assert.ok(step.done !== true && step.value.kind === "distrust");
  });
  fc.assert(property);
});

function said(dialogue: Login | undefined): readonly string[] {
  const lines: string[] = [];
  for (let step = dialogue?.next(); step !== undefined && step.done !== true; step = dialogue?.next("")) {
    if (step.value.kind === "say") lines.push(step.value.line);
  }
  return lines;
}

test("an account without SCRAM keys at its server logs in by PLAIN or LOGIN where the configuration says so", () => {
  const environment = { nonce, binding };
  const account = { username: "u", password: "p", mechanism: "plain" } as const;
  assert.deepEqual(said(login(account, both, environment)), ["AUTH PLAIN AHUAcA==\r\n"]);
  assert.equal(said(login(account, ["SCRAM-SHA-256", "LOGIN"], environment))[0], "AUTH LOGIN\r\n");
  assert.equal(login(account, ["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"], environment), undefined);
});

test("PLAIN goes with its command unless the line gets too long for that (RFC 4954 §4); LOGIN comes last", () => {
  const environment = { nonce, binding: undefined };
  const short = { username: "u", password: "p" };
  assert.deepEqual(said(login(short, ["LOGIN", "PLAIN"], environment)), ["AUTH PLAIN AHUAcA==\r\n"]);
  const long = said(login({ username: "u", password: "p".repeat(500) }, ["PLAIN"], environment));
  assert.equal(long[0], "AUTH PLAIN\r\n");
  assert.equal(long.length, 2);
  assert.deepEqual(said(login(short, ["LOGIN"], environment)), ["AUTH LOGIN\r\n", "dQ==\r\n", "cA==\r\n"]);
  assert.equal(login(short, ["CRAM-MD5"], environment), undefined);
});
