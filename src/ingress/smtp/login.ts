// AUTH inside one session: the SASL exchange, the directory's answer, the count of failures. Passwords pass through
// and are kept nowhere.

import type { Login } from "../../directory/credentials.ts";
import { startMechanism } from "../../proto/sasl/mechanism.ts";
import type { Exchange } from "../../proto/sasl/mechanism.ts";
import type { AuthFacts } from "../../verdict/facts.ts";

export type LoginStep =
  | { readonly kind: "challenge"; readonly data: Uint8Array }
  | { readonly kind: "outcome"; readonly name: string; readonly outcome: AuthFacts["outcome"] }
  | {
      readonly kind: "pending";
      readonly outcome: Promise<{ readonly name: string; readonly outcome: AuthFacts["outcome"] }>;
    };

export class LoginDialogue {
  readonly #login: Login;
  #exchange: Exchange | undefined;
  mechanism = "";
  failures = 0;

  constructor(login: Login) {
    this.#login = login;
  }

  start(mechanism: string, initial: Uint8Array | undefined): LoginStep {
    this.#exchange = startMechanism(mechanism);
    this.mechanism = mechanism;
    return this.step(initial);
  }

  step(response: Uint8Array | undefined): LoginStep {
    const step = this.#exchange?.step(response) ?? { kind: "failed" as const, cause: "malformed" as const };
    switch (step.kind) {
      case "challenge":
        return step;
      case "failed":
        if (step.cause === "other-identity") return { kind: "outcome", ...this.#ended("", { kind: "refused" }) };
        return { kind: "outcome", ...this.#ended("", { kind: "malformed" }) };
      case "credentials":
        return {
          kind: "pending",
          outcome: this.#login(step.authentication, step.password).then((answer) =>
            this.#ended(step.authentication, answer),
          ),
        };
    }
  }

  #ended(name: string, outcome: AuthFacts["outcome"]): { name: string; outcome: AuthFacts["outcome"] } {
    this.#exchange = undefined;
    if (outcome.kind === "refused") this.failures++;
    // The name as typed may be a password in the wrong field: only what looks like an address is ever logged.
    return { name: /^[^\s@]{1,64}@[^\s@]{1,255}$/.test(name) ? name : "", outcome };
  }
}
