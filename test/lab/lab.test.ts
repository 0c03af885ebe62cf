import assert from "node:assert/strict";
import { test } from "node:test";
import { runProgram } from "./child.ts";
import { requires } from "./skip.ts";

for (const [name, parameters, pattern] of [
  ["curl", ["--version"], /smtp/],
  ["python3", ["-c", "import smtplib; print('smtplib')"], /smtplib/],
  ["gsasl", ["--version"], /gsasl/],
  ["haproxy", ["-v"], /HAProxy/],
  ["strace", ["-V"], /strace/],
  ["swaks", ["--support"], /=== TLS supported/],
  ["smtp-source", ["-?"], /usage/],
  ["smtp-sink", ["-?"], /usage/],
] as const) {
  test(`${name} runs`, async (t) => {
    const program = await requires(t, name);
    if (program === undefined) return;
    const result = await runProgram({
      program: program.path,
      parameters: [...parameters],
      environment: program.environment,
      milliseconds: 20_000,
    });
    assert.match(result.stdout + result.stderr, pattern);
  });
}
