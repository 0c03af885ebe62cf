import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { mailRoles } from "../../config/budgets.ts";
import type { ListenerSettings } from "../../config/settings.ts";
import { budgetPlace, createBudgets } from "./budgets.ts";
import { loadSlots } from "./load.ts";

const MIB = 1024 * 1024;

const anyListeners: fc.Arbitrary<readonly ListenerSettings[]> = fc
  .array(
    fc.record({
      role: fc.constantFrom(...mailRoles, "pop3" as const),
      own: fc.record(
        { sessions: fc.integer({ min: 1, max: 100 }), contentMemory: fc.integer({ min: MIB, max: 4 * MIB }) },
        { requiredKeys: [] },
      ),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((listeners) =>
    listeners.map(({ role, own }, index) => ({
      role,
      endpoints: [
        { address: "0.0.0.0", port: 1000 + index },
        { address: "::", port: 1000 + index },
      ],
      tls: "starttls" as const,
      mechanisms: [],
      proxies: [],
      ...(role === "pop3" ? {} : own),
    })),
  );

const coreRole = (role: ListenerSettings["role"]): "mx" | "submission" => (role === "mx" ? "mx" : "submission");

test("what the budgets allow adds up to the whole at most, no two roles share one, and every listener has some", () => {
  fc.assert(
    fc.property(anyListeners, (listeners) => {
      const smtp = { sessions: 10_000, contentMemory: 256 * MIB };
      const budgetOf = createBudgets(listeners, smtp);
      for (const [what, total] of [
        ["sessions", smtp.sessions],
        ["content", smtp.contentMemory],
      ] as const) {
        const limits = new Map<number, number>();
        const users = new Map<number, string>();
        for (const [index, listener] of listeners.entries()) {
          if (listener.role === "pop3") continue;
          const own = what === "sessions" ? listener.sessions : listener.contentMemory;
          const shares = listener.endpoints.map(
            (endpoint) => budgetOf(coreRole(listener.role), budgetPlace(listener.role, endpoint))[what],
          );
          const [share] = shares;
          assert.ok(share !== undefined && share.slot < loadSlots && share.limit >= 1);
          assert.deepEqual(new Set(shares.map(({ slot }) => slot)).size, 1);
          if (own !== undefined) assert.equal(share.limit, own);
          const user = own === undefined ? listener.role : `listener ${index}`;
          assert.equal(users.get(share.slot) ?? user, user);
          users.set(share.slot, user);
          limits.set(share.slot, share.limit);
        }
        assert.ok([...limits.values()].reduce((sum, limit) => sum + limit, 0) <= total);
      }
    }),
    { numRuns: 300 },
  );
});

const listener = (role: ListenerSettings["role"], port: number, own = {}): ListenerSettings => ({
  role,
  endpoints: [{ address: "0.0.0.0", port }],
  tls: "starttls",
  mechanisms: [],
  proxies: [],
  ...own,
});

test("one role has everything, two have a half each, and who names a number leaves the rest to the others", () => {
  const smtp = { sessions: 1000, contentMemory: 100 * MIB };
  const limits = (listeners: readonly ListenerSettings[]) => {
    const budgetOf = createBudgets(listeners, smtp);
    const taking = listeners.filter(({ role }) => role !== "pop3");
    return taking.map(({ role, endpoints }) => {
      const { sessions, content } = budgetOf(coreRole(role), budgetPlace(role, endpoints[0]!));
      return [sessions.limit, content.limit / MIB];
    });
  };
  assert.deepEqual(limits([listener("mx", 25)]), [[1000, 100]]);
  assert.deepEqual(limits([listener("mx", 25), listener("submission", 587), listener("submission", 465)]), [
    [500, 50],
    [500, 50],
    [500, 50],
  ]);
  assert.deepEqual(
    limits([listener("mx", 25, { sessions: 700 }), listener("submission", 587), listener("pop3", 995)]),
    [
      [700, 50],
      [300, 50],
    ],
  );
  const gone = createBudgets([listener("mx", 25)], smtp)("mx", "mx 192.0.2.1 26");
  assert.equal(gone.sessions.limit, 1000, "a listener that is no longer in the configuration shares with its role");
});
