// The page for codes: a form that posts, nothing that confirms by itself, and where others reach it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { demoSettings } from "../../config/load.ts";
import type { WebSettings } from "../../config/settings.ts";
import { codeForm } from "./code-form.ts";
import type { CodeOutcome } from "./code-form.ts";
import { codeUrl, hasCodePage } from "./code-url.ts";
import type { CodePageSettings } from "./code-url.ts";
import { languages } from "./texts.ts";

const demo = demoSettings("/nowhere");

function settingsWith(web: Partial<WebSettings>, role: "substitute" | "submission" = "substitute"): CodePageSettings {
  return {
    hostname: demo.hostname,
    listeners: [{ role, endpoints: [], tls: "starttls", mechanisms: ["plain"], proxies: [] }],
    substitute: { ...demo.substitute, codePage: true },
    web: {
      listen: [{ address: "0.0.0.0", port: 443 }],
      tls: "implicit",
      forwardedBy: [],
      outsideHosts: [],
      mtaSts: "none",
      ...web,
    },
  };
}

test("a mail names the page where others reach it, and nowhere else", () => {
  const { hostname } = demo;
  const at = (web: Partial<WebSettings>): string | undefined => codeUrl(settingsWith(web));
  const proxy = { address: "192.0.2.10", length: 32 };
  assert.equal(at({}), `https://${hostname}/code`);
  assert.equal(at({ listen: [{ address: "192.0.2.1", port: 8443 }] }), `https://${hostname}:8443/code`);
  const both = [
    { address: "192.0.2.1", port: 8443 },
    { address: "::", port: 443 },
  ];
  assert.equal(at({ listen: both }), `https://${hostname}/code`);
  assert.equal(
    at({ listen: [{ address: "127.0.0.1", port: 8080 }], tls: "none", forwardedBy: [proxy] }),
    `https://${hostname}/code`,
  );
  assert.equal(at({ tls: "none" }), undefined);
  assert.equal(at({ listen: [{ address: "::1", port: 443 }] }), undefined);
  assert.equal(at({ listen: [] }), undefined);
  const off = { ...settingsWith({}), substitute: demo.substitute };
  assert.deepEqual([hasCodePage(off), codeUrl(off)], [false, undefined], "off unless it is switched on");
  assert.equal(hasCodePage(settingsWith({}, "submission")), false);
});

const outcomes: readonly CodeOutcome[] = [
  { kind: "refused", what: "login" },
  { kind: "refused", what: "code" },
  { kind: "later" },
  { kind: "unavailable" },
  { kind: "proved", until: "2028-01-15T12:00:00.000Z" },
];

test("in both languages: one form that posts, no script, nothing from elsewhere, and an answer for everything", () => {
  for (const language of languages) {
    const empty = codeForm("mx.example.jp", language, { kind: "empty" });
    assert.match(empty, new RegExp(`<html lang="${language}">`));
    assert.match(empty, new RegExp(`<form action="/code\\?lang=${language}" method="post"`));
    assert.deepEqual(
      [...empty.matchAll(/<input[^>]* name="(\w+)"/g)].map(([, name]) => name),
      ["account", "password", "address", "code"],
    );
    assert.match(empty, /mx\.example\.jp/);
    const said = outcomes.map((outcome) =>
      codeForm("mx.example.jp", language, {
        kind: "answer",
        outcome,
        account: "a@example.jp",
        address: "c@third.example",
      }),
    );
    for (const text of [empty, ...said]) assert.doesNotMatch(text, /<script|https?:|undefined|\{\w+\}| on\w+=/);
    assert.equal(new Set([empty, ...said]).size, outcomes.length + 1);
    assert.match(said.at(-1)!, /2028-01-15/);
    assert.doesNotMatch(said.at(-1)!, /<form/);
  }
});

test("what was entered comes back escaped, and no secret does", () => {
  const evil = `"><script>alert(1)</script>{date}$&`;
  for (const outcome of outcomes) {
    const text = codeForm("mx.example.jp", "en", { kind: "answer", outcome, account: evil, address: evil });
    assert.doesNotMatch(text, /<script|"">/);
    assert.doesNotMatch(text, /type="password"[^>]*value|name="code"[^>]*value/);
  }
});
