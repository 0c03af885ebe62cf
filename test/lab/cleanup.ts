// What a test opens is closed when it ends, the last opened first: a server stops before its directory goes.
// (node:test runs its own after-hooks in the order they were registered.)

/** A test, or a whole file: `{ after }` with node:test's after(). */
export interface Scope {
  after(close: () => Promise<void> | void): void;
}

const stacks = new WeakMap<Scope, (() => Promise<void> | void)[]>();

export function atEnd(scope: Scope, close: () => Promise<void> | void): void {
  const stack = stacks.get(scope);
  if (stack !== undefined) {
    stack.push(close);
    return;
  }
  const fresh = [close];
  stacks.set(scope, fresh);
  scope.after(async () => {
    const failures: unknown[] = [];
    for (let next = fresh.pop(); next !== undefined; next = fresh.pop()) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one after the other is the point
        await next();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  });
}
