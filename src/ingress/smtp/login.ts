// AUTH inside one session: the SASL exchange, the directory's answer, the count of failures. Passwords pass through
// and are kept nowhere.

import { loggableName } from "../../address/loggable.ts";
import type { Domain } from "../../address/domain.ts";
import type { Login, LoginAnswer, OverFailures, Visit } from "../../directory/login.ts";
import type { ScramLogin } from "../../directory/scram-login.ts";
import { startMechanism } from "../../proto/sasl/mechanism.ts";
import type { Exchange, Mechanism, Step } from "../../proto/sasl/mechanism.ts";
import type { AuthFacts } from "../../verdict/facts.ts";
import { newNonce } from "../nonce.ts";

export type LoginStep =
  | { readonly kind: "challenge"; readonly data: Uint8Array }
  | { readonly kind: "outcome"; readonly name: string; readonly outcome: LoginOutcome }
  | { readonly kind: "pending"; readonly next: Promise<LoginStep> };

/** What the rules see, and for the session what it logged in with. */
export type LoginOutcome =
  | Exclude<AuthFacts["outcome"], { kind: "account" }>
  | Extract<LoginAnswer, { kind: "account" }>;

export class LoginDialogue {
  readonly #login: Login;
  readonly #scram: ScramLogin;
  #exchange: Exchange | undefined;
  mechanism = "";
  failures = 0;

  #visit: Visit;
  readonly #offered: readonly Mechanism[];
  readonly #hostname: Domain;

  constructor(
    services: { readonly login: Login; readonly scram: ScramLogin; readonly hostname: Domain },
    client: string,
    offered: readonly Mechanism[],
  ) {
    this.#visit = { scope: "submission", client };
    this.#offered = offered;
    this.#hostname = services.hostname;
    this.#login = services.login;
    this.#scram = services.scram;
  }

  /** From now on for those only who are known at this address. */
  limit(over: OverFailures): void {
    this.#visit = { ...this.#visit, over };
  }

  /** `binding`: tls-exporter of the connection, where there is one (RFC 9266). */
  start(mechanism: string, initial: Uint8Array | undefined, binding: Uint8Array | undefined): LoginStep {
    const [offered, hostname] = [this.#offered, this.#hostname];
    this.#exchange = startMechanism(mechanism, { nonce: newNonce, binding, offered, hostname });
    this.mechanism = mechanism;
    return this.step(initial);
  }

  step(response: Uint8Array | undefined): LoginStep {
    return this.#take(this.#exchange?.step(response) ?? { kind: "failed", cause: "malformed" });
  }

  #take(step: Step): LoginStep {
    switch (step.kind) {
      case "challenge":
        return step;
      case "failed":
        return this.#failed(step.authentication ?? "", step.cause);
      case "credentials": {
        const { authentication: name, password } = step;
        return {
          kind: "pending",
          next: this.#login(name, password, this.#visit).then((answer) => this.#ended(name, answer)),
        };
      }
      case "keys": {
        const { authentication: name } = step;
        const next = this.#scram.keys(name, this.#visit, step.of).then((answer) => {
          if (answer.kind !== "keys") return this.#ended(name, answer);
          return this.#take(this.#exchange!.supply(answer.keys));
        });
        return { kind: "pending", next };
      }
      case "proved": {
        const { authentication: name, keys } = step;
        return {
          kind: "pending",
          next: this.#scram.confirm(name, keys, this.#visit).then((answer) => this.#ended(name, answer)),
        };
      }
    }
  }

  #failed(name: string, cause: Extract<Step, { kind: "failed" }>["cause"]): LoginStep {
    switch (cause) {
      case "malformed":
      case "too-long":
      case "bad-text":
        return this.#ended(name, { kind: "malformed" });
      case "other-identity":
      case "channel-binding":
      case "proof":
        return {
          kind: "pending",
          next: this.#scram.refused(name, this.#visit).then((answer) => this.#ended(name, answer)),
        };
    }
  }

  #ended(name: string, outcome: LoginOutcome): LoginStep {
    this.#exchange = undefined;
    if (outcome.kind === "refused") this.failures++;
    return { kind: "outcome", name: loggableName(name), outcome };
  }
}
