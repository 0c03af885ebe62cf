// Calls between threads over a MessagePort: a method name and its arguments go, a value or an error comes back. Calls
// begin in order; answers of methods that do not wait come in order too. Arguments and results are structured-cloned,
// so no functions and no class instances pass. A thread that is gone fails every open call: nobody waits for ever.

import type { MessagePort } from "node:worker_threads";

type Methods = { readonly [name: string]: (...args: never[]) => unknown };

/** The caller's view of a served object: every method returns a promise. */
export type Remote<T> = {
  readonly [K in keyof T]: T[K] extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : never;
};

interface Call {
  readonly call: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

type Answer =
  | { readonly answer: number; readonly value: unknown }
  | { readonly answer: number; readonly error: string };

/** Answers calls on `port` with the methods of `target`. */
export function serveCalls<T extends object>(port: MessagePort, target: T): void {
  // Names are looked up with hasOwn and arguments come from callRemote<T>, which types them.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const methods = target as unknown as Methods;
  port.on("message", (message: Call) => {
    void respond(port, methods, message);
  });
}

async function respond(port: MessagePort, methods: Methods, { call, method, args }: Call): Promise<void> {
  let answer: Answer;
  try {
    const handler = Object.hasOwn(methods, method) ? methods[method] : undefined;
    if (handler === undefined) throw new Error(`no method ${method}`);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    answer = { answer: call, value: await handler(...(args as never[])) };
  } catch (error) {
    answer = { answer: call, error: error instanceof Error ? error.message : String(error) };
  }
  try {
    port.postMessage(answer);
  } catch (error) {
    // A value that cannot be cloned: a bug, and no reason to let the caller wait for ever.
    port.postMessage({ answer: call, error: String(error) } satisfies Answer);
  }
}

/** Calls the object served on the other end of `port`. */
export function callRemote<T extends object>(port: MessagePort): Remote<T> {
  const open = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let next = 0;
  let closed = false;
  port.on("message", (message: Answer) => {
    const waiting = open.get(message.answer);
    if (waiting === undefined) return;
    open.delete(message.answer);
    if ("error" in message) waiting.reject(new Error(message.error));
    else waiting.resolve(message.value);
  });
  port.on("close", () => {
    closed = true;
    for (const waiting of open.values()) waiting.reject(new Error("the other thread has ended"));
    open.clear();
  });
  const call = (method: string, args: readonly unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (closed) {
        reject(new Error("the other thread has ended"));
        return;
      }
      const id = next++;
      port.postMessage({ call: id, method, args } satisfies Call);
      open.set(id, { resolve, reject });
    });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every name is a method
  return new Proxy({} as Remote<T>, {
    get: (_target, name) =>
      // A thenable check by `await` must not become a call.
      typeof name !== "string" || name === "then" ? undefined : (...args: unknown[]) => call(name, args),
  });
}

/** The same, for callers who cannot wait: a call that is not answered within so many ms rejects; its answer is dropped. */
export function inTime<T extends object>(remote: Remote<T>, milliseconds: number): Remote<T> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every name is a method
  return new Proxy({} as Remote<T>, {
    get: (_target, name) => {
      const method: unknown = typeof name === "string" ? Reflect.get(remote, name) : undefined;
      if (typeof method !== "function") return undefined;
      return (...args: unknown[]): Promise<unknown> =>
        new Promise((resolve, reject) => {
          const timer = setTimeout(() => reject(new Error("the other thread does not answer")), milliseconds);
          const answer: unknown = Reflect.apply(method, remote, args);
          void Promise.resolve(answer)
            .then(resolve, reject)
            .finally(() => clearTimeout(timer));
        });
    },
  });
}

/** The same view of an object in this thread. */
export function asRemote<T extends object>(target: T): Remote<T> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every name is a method
  return new Proxy({} as Remote<T>, {
    get: (_target, name) => {
      const method: unknown = typeof name === "string" ? Reflect.get(target, name) : undefined;
      if (typeof method !== "function") return undefined;
      // A throw becomes a rejection, as it would from another thread.
      return async (...args: unknown[]): Promise<unknown> => Reflect.apply(method, target, args);
    },
  });
}
