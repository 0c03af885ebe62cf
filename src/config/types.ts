// The kinds of value that a configuration can hold, and the TypeScript type that each becomes once it is
// checked. The schema is written in these; everything that reads the schema switches over `kind`.

import type { Address } from "../address/address.ts";
import type { Domain } from "../address/domain.ts";
import type { Prefix } from "../base/prefix.ts";
import type { Endpoint, Moment, SocketPlace, WindowSettings } from "./settings.ts";

export type ValueType =
  | { readonly kind: "boolean" }
  | { readonly kind: "integer"; readonly minimum: number; readonly maximum: number }
  /** `"90s"`, `"15m"`, `"1h30m"`, `"5d"`. Checked: milliseconds. Bounds are written the same way. */
  | { readonly kind: "duration"; readonly minimum: string; readonly maximum: string }
  /** `"25MiB"`, `"25MB"`. Checked: octets. */
  | { readonly kind: "size"; readonly minimum: string; readonly maximum: string }
  /** `"200/1h"`: so many in any interval of that length. With `size` octets: `"500MB/1d"`. */
  | { readonly kind: "window"; readonly size?: true }
  /** One of some words; the value says what each means. */
  | { readonly kind: "choice"; readonly values: Readonly<Record<string, string>> }
  | { readonly kind: "domain" }
  /** A mailbox with a domain. */
  | { readonly kind: "address" }
  /** A host name or an IP address. */
  | { readonly kind: "host" }
  /** IP address and port. With `port` the port may be left out. */
  | { readonly kind: "endpoint"; readonly port?: number }
  /** IP address and port, or the absolute path of a UNIX socket. */
  | { readonly kind: "socket"; readonly port: number }
  /** `"192.0.2.0/24"`, `"2001:db8::/32"`, or one IP address; with `family` only of that one. */
  | { readonly kind: "prefix"; readonly family?: 4 | 6 }
  /** `"2027-01-15"` or `"2027-01-15T02:00:00+09:00"`. A day stands for its first or for its last instant. */
  | { readonly kind: "date"; readonly edge: "begin" | "end" }
  /** `"+09:00"`. Checked: minutes east of UTC. */
  | { readonly kind: "offset" }
  /** What the operator calls a thing; it becomes part of names on devices. */
  | { readonly kind: "name" }
  /** One IP address. */
  | { readonly kind: "ip" }
  /** Relative to the folder of the file it is written in. Checked: absolute. */
  | { readonly kind: "path" }
  /** Included files; resolved before anything else is checked. */
  | { readonly kind: "pattern" }
  /** A DKIM selector: labels of a domain name (RFC 6376 §3.1). */
  | { readonly kind: "selector" }
  | { readonly kind: "text" }
  /** `{ file = "…" }` or `{ environment = "NAME" }`. Checked: what is found there. */
  | { readonly kind: "secret" }
  /** With `alone: true` a single value may stand without brackets. */
  | { readonly kind: "list"; readonly of: ValueType; readonly minimum: number; readonly alone?: true }
  /** Keys chosen by the operator; `key` says what they are. */
  | { readonly kind: "map"; readonly key: "local-part" | "name"; readonly of: ValueType }
  | { readonly kind: "table"; readonly keys: Keys };

export type Keys = Readonly<Record<string, Key>>;

export interface Key {
  readonly type: ValueType;
  /** Sentences for people: what it does, and where the default comes from. */
  readonly meaning: string;
  /** As one would write it in the file. */
  readonly default?: Written;
  /** In words, when what is left out follows from other values. */
  readonly otherwise?: string;
  readonly required?: true;
  readonly example?: Written;
  /** First version of Sekimori that knows it; 0.1 when not given. */
  readonly since?: string;
}

/** A value as it stands in the file. */
export type Written = string | number | boolean | readonly Written[] | { readonly [key: string]: Written };

/** What a value of the type is once every check has passed. */
export type Checked<T> = T extends { kind: "boolean" }
  ? boolean
  : T extends { kind: "integer" | "duration" | "size" | "offset" }
    ? number
    : T extends { kind: "choice"; values: infer V }
      ? keyof V & string
      : T extends { kind: "domain" }
        ? Domain
        : T extends { kind: "address" }
          ? Address
          : T extends { kind: "endpoint" }
            ? Endpoint
            : T extends { kind: "socket" }
              ? SocketPlace
              : T extends { kind: "prefix" }
                ? Prefix
                : T extends { kind: "window" }
                  ? WindowSettings
                  : T extends { kind: "date" }
                    ? Moment
                    : T extends { kind: "list"; of: infer Item }
                      ? readonly Checked<Item>[]
                      : T extends { kind: "map"; of: infer Item }
                        ? ReadonlyMap<string, Checked<Item>>
                        : T extends { kind: "table"; keys: infer K }
                          ? { readonly [Name in keyof K]: CheckedKey<K[Name]> }
                          : string;

type CheckedKey<K> = K extends { type: infer T }
  ? Checked<T> | (K extends { default: Written } | { required: true } ? never : undefined)
  : never;

/** The same while checks still run: whatever was wrong is missing. */
export type Draft<T> = T extends
  | string
  | number
  | boolean
  | undefined
  | Address
  | Endpoint
  | Moment
  | SocketPlace
  | Prefix
  | WindowSettings
  ? T
  : T extends readonly (infer Item)[]
    ? readonly (Draft<Item> | undefined)[]
    : T extends ReadonlyMap<string, infer Item>
      ? ReadonlyMap<string, Draft<Item> | undefined>
      : { readonly [Name in keyof T]: Draft<T[Name]> | undefined };
