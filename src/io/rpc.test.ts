import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageChannel } from "node:worker_threads";
import type { MessagePort } from "node:worker_threads";
import fc from "fast-check";
import { asRemote, callRemote, serveCalls } from "./rpc.ts";
import type { Remote } from "./rpc.ts";

const { promise: never } = Promise.withResolvers<void>();

function target(log: unknown[] = []) {
  return {
    echo: (value: unknown): unknown => {
      log.push(value);
      return value;
    },
    later: async (value: number): Promise<number> => {
      await Promise.resolve();
      return value + 1;
    },
    throws: (): void => {
      throw new Error("no such account");
    },
    throwsText: (): void => {
      // oxlint-disable-next-line typescript/only-throw-error -- what a library might do
      throw "just text";
    },
    rejects: async (): Promise<void> => {
      throw new Error("disk full");
    },
    uncloneable: (): unknown => () => undefined,
    hangs: (): Promise<void> => never,
    value: 7,
  };
}

type Target = ReturnType<typeof target>;

async function connected(
  work: (remote: Remote<Target>, ports: { readonly here: MessagePort; readonly there: MessagePort }) => Promise<void>,
  log: unknown[] = [],
): Promise<void> {
  const { port1: there, port2: here } = new MessageChannel();
  serveCalls(there, target(log));
  try {
    await work(callRemote<Target>(here), { here, there });
  } finally {
    here.close();
    there.close();
  }
}

test("values come back as they went, calls in order, also many at once", async () => {
  const value = fc.jsonValue({ maxDepth: 2 });
  await fc.assert(
    fc.asyncProperty(fc.array(value, { maxLength: 20 }), async (values) => {
      const log: unknown[] = [];
      await connected(async (remote) => {
        const ended: number[] = [];
        const answers = await Promise.all(
          values.map(async (each, index) => {
            const answer = await remote.echo(each);
            ended.push(index);
            return answer;
          }),
        );
        assert.deepEqual(answers, values);
        assert.deepEqual(
          ended,
          values.map((_value, index) => index),
        );
      }, log);
      assert.deepEqual(log, values);
    }),
    { numRuns: 30 },
  );
});

test("a method that waits answers when it is done", () =>
  connected(async (remote) => {
    assert.equal(await remote.later(1), 2);
  }));

test("what a method throws or rejects comes back as an error with its message, and others go on", () =>
  connected(async (remote) => {
    await assert.rejects(remote.throws(), { message: "no such account" });
    await assert.rejects(remote.throwsText(), { message: "just text" });
    await assert.rejects(remote.rejects(), { message: "disk full" });
    assert.equal(await remote.echo("still here"), "still here");
  }));

test("an argument or a value that cannot be cloned fails its own call and no other", () =>
  connected(async (remote) => {
    await assert.rejects(
      remote.echo(() => undefined),
      /could not be cloned/,
    );
    await assert.rejects(remote.uncloneable(), /could not be cloned/);
    assert.equal(await remote.echo("still here"), "still here");
  }));

test("only the target's own methods can be called, nothing inherited, no plain value", () =>
  connected(async (remote) => {
    const names = [
      "constructor",
      "__proto__",
      "toString",
      "hasOwnProperty",
      "valueOf",
      "__defineGetter__",
      "nothing",
      "",
    ];
    const call = remote as unknown as Readonly<Record<string, (...args: unknown[]) => Promise<unknown>>>;
    for (const name of names) await assert.rejects(call[name]!("x"), { message: `no method ${name}` });
    await assert.rejects(call["value"]!());
  }));

test("the caller's view is no thenable: it can be awaited", () =>
  connected(async (remote) => {
    assert.equal(await Promise.resolve(remote), remote);
  }));

test("a thread that is gone fails every open call, and every later one", () =>
  connected(async (remote, { there }) => {
    const open = [remote.hangs(), remote.hangs()];
    assert.equal(await remote.echo(1), 1);
    there.close();
    for (const call of open) await assert.rejects(call, { message: "the other thread has ended" });
    await assert.rejects(remote.echo(1), { message: "the other thread has ended" });
  }));

test("an object of this thread has the same view: values, rejections, never a throw", async () => {
  const remote = asRemote(target());
  assert.equal(await remote.echo(5), 5);
  assert.equal(await remote.later(1), 2);
  await assert.rejects(remote.throws(), { message: "no such account" });
  assert.equal(await Promise.resolve(remote), remote);
});
